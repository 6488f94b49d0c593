//! Writes the captures and messages of `engine/testkit/corpus` anew.

fn main() -> std::io::Result<()> {
    dnsflow_testkit::corpus::write()
}
