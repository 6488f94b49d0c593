//! The pages say what the programs do: what operators meet is in theirs, and what the architecture's page names is in
//! the sources. Names are compared whole.

mod architecture;
mod page;

/// What stands in code spans.
fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}
