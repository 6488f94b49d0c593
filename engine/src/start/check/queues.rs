//! Receive queues and the CPUs that serve them, compared with the CPUs that shards run on.

use std::collections::BTreeSet;
use std::fs;

use super::finding::Finding;
use super::rights::list;
use crate::start::cli::Fanout;
use crate::start::cores::Cores;

/// The receive queues of an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Queues {
    /// Number of receive queues.
    count: usize,
    /// CPUs that serve them; empty if that is not known.
    cpus: BTreeSet<usize>,
}

/// `None` if there is no interface of that name.
pub(super) fn look(name: &str, cores: &[usize], fanout: Fanout) -> Option<Finding> {
    let queues = Queues::read(&format!("/sys/class/net/{name}"))?;
    Some(judge(name, &queues, cores, fanout))
}

impl Queues {
    fn read(folder: &str) -> Option<Self> {
        let queues = fs::read_dir(format!("{folder}/queues")).ok()?;
        let names = queues.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let names: Vec<String> = names.filter(|name| name.starts_with("rx-")).collect();
        // With receive packet steering, the CPUs that packets are passed on to serve them.
        let steered: BTreeSet<usize> = names
            .iter()
            .filter_map(|name| fs::read_to_string(format!("{folder}/queues/{name}/rps_cpus")).ok())
            .flat_map(|mask| from_mask(&mask))
            .collect();
        let cpus = if steered.is_empty() {
            interrupt_cpus(folder)
        } else {
            steered
        };
        Some(Self {
            count: names.len(),
            cpus,
        })
    }
}

/// The CPUs that handle the interrupts of a device (its msi_irqs, and
/// Documentation/core-api/irq/irq-affinity.rst).
fn interrupt_cpus(folder: &str) -> BTreeSet<usize> {
    let numbers = fs::read_dir(format!("{folder}/device/msi_irqs"));
    let numbers = numbers
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    numbers
        .filter_map(|number| {
            fs::read_to_string(format!("/proc/irq/{number}/effective_affinity_list")).ok()
        })
        .flat_map(|text| match format!("{},", text.trim()).parse() {
            Ok(Cores::List(cpus)) => cpus,
            _ => Vec::new(),
        })
        .collect()
}

/// The CPUs of a mask in the format of the kernel: hexadecimal words of 32 bits, highest first,
/// separated by commas.
fn from_mask(mask: &str) -> Vec<usize> {
    let words = mask.trim().rsplit(',').enumerate();
    words
        .filter_map(|(place, word)| Some((place, u32::from_str_radix(word, 16).ok()?)))
        .flat_map(|(place, word)| {
            (0..32)
                .filter(move |bit| word >> bit & 1 == 1)
                .map(move |bit| place * 32 + bit)
        })
        .collect()
}

fn judge(name: &str, queues: &Queues, cores: &[usize], fanout: Fanout) -> Finding {
    let topic = format!("queues of {name}");
    let serving: Vec<usize> = queues.cpus.iter().copied().collect();
    let known = if serving.is_empty() {
        String::new()
    } else {
        format!(", served by CPU {}", list(&serving))
    };
    let text = format!("{}{known}; cores on CPU {}", queues.count, list(cores));
    let count = cores.len().max(1);
    if fanout == Fanout::Cpu {
        // The kernel chooses the socket by the number of the CPU modulo the number of sockets.
        let fed: BTreeSet<usize> = serving.iter().map(|cpu| cpu % count).collect();
        let starved = if serving.is_empty() {
            queues.count < count
        } else {
            fed.len() < count
        };
        if starved {
            return Finding::warn(
                topic,
                format!("{text}: with --fanout cpu, some cores receive no packets"),
                format!(
                    "--fanout hash, or ethtool -L {name} combined {count} and one CPU for each queue"
                ),
            );
        }
        return Finding::ok(topic, text);
    }
    let both: Vec<usize> = cores
        .iter()
        .copied()
        .filter(|cpu| queues.cpus.contains(cpu))
        .collect();
    // If more CPUs serve queues than shards run, there may be no CPU to move to.
    if both.is_empty() || serving.len() > count {
        return Finding::ok(topic, text);
    }
    Finding::warn(
        topic,
        format!("{text}: CPU {} has both", list(&both)),
        "--cores with other CPUs, or move the interrupts (/proc/irq/N/smp_affinity_list)",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::start::check::finding::Level;

    fn level(count: usize, cpus: &[usize], cores: &[usize], fanout: Fanout) -> Level {
        let queues = Queues {
            count,
            cpus: cpus.iter().copied().collect(),
        };
        judge("eth0", &queues, cores, fanout).level
    }

    #[test]
    fn masks() {
        assert_eq!(from_mask("0\n"), [0_usize; 0]);
        assert_eq!(from_mask("5\n"), [0, 2]);
        assert_eq!(from_mask("00000001,80000000\n"), [31, 32]);
    }

    #[test]
    fn fanout_by_cpu_wants_a_queue_for_each_core() {
        assert_eq!(
            level(4, &[0, 1, 2, 3], &[0, 1, 2, 3], Fanout::Cpu),
            Level::Ok
        );
        assert_eq!(level(4, &[4, 5], &[4, 5], Fanout::Cpu), Level::Ok);
        // All even: modulo 2 that is one socket.
        assert_eq!(level(2, &[2, 4], &[0, 1], Fanout::Cpu), Level::Warn);
        assert_eq!(level(1, &[], &[0, 1], Fanout::Cpu), Level::Warn);
        assert_eq!(level(2, &[], &[0, 1], Fanout::Cpu), Level::Ok);
    }

    #[test]
    fn other_fanouts_want_cpus_of_their_own() {
        assert_eq!(level(1, &[0], &[1, 2], Fanout::Hash), Level::Ok);
        assert_eq!(level(1, &[0], &[0, 1], Fanout::Hash), Level::Warn);
        assert_eq!(level(1, &[], &[0], Fanout::Client), Level::Ok);
    }
}
