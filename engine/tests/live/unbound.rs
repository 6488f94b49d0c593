//! A real resolver.

use std::fs;

use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::network::Wire;
use dnsflow_testkit::process::Process;

/// Starts unbound in the sensor's namespace, which answers out of a zone of its
/// own and knows nobody to ask. `options` are further lines of its `server:` clause.
pub(crate) fn start(
    wire: &Wire,
    folder: &Folder,
    origin: &str,
    zone_file: &str,
    options: &str,
) -> Process {
    let zone = folder.argument("zone");
    fs::write(&zone, zone_file).expect("a file can be written");
    let configuration = folder.argument("unbound.conf");
    let text = format!(
        "server:\n username: \"\"\n chroot: \"\"\n directory: \"/\"\n pidfile: \"\"\n use-syslog: no\n \
         interface: 192.0.2.2\n interface: 2001:db8:77::2\n access-control: 0.0.0.0/0 allow\n \
         access-control: ::/0 allow\n module-config: \"iterator\"\n do-not-query-localhost: no\n \
         {options}\n\
         remote-control:\n control-enable: no\n\
         auth-zone:\n name: \"{origin}\"\n zonefile: \"{zone}\"\n for-upstream: yes\n \
         for-downstream: no\n fallback-enabled: no\n"
    );
    fs::write(&configuration, text).expect("a file can be written");
    let mut command = wire.sensor.command("unbound");
    command.args(["-d", "-d", "-c", &configuration]);
    let mut process = Process::spawn("unbound", &mut command);
    process.wait_until_it_says("start of service");
    process
}
