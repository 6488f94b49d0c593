//! Receive queues and the CPUs that serve them, beside the CPUs that shards run on.

use std::collections::BTreeSet;
use std::fs;

use super::finding::Finding;
use super::rights::list;
use crate::start::cli::Fanout;
use crate::start::cores::Cores;

/// Which CPUs an interface's packets come in on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Queues {
    /// Receive queues.
    count: usize,
    /// CPUs that serve them; nothing where that is not known.
    cpus: BTreeSet<usize>,
}

/// Nothing for what is no interface of this machine.
pub(super) fn look(name: &str, cores: &[usize], fanout: Fanout) -> Option<Finding> {
    let queues = Queues::read(&format!("/sys/class/net/{name}"))?;
    Some(judge(name, &queues, cores, fanout))
}

impl Queues {
    fn read(folder: &str) -> Option<Self> {
        let queues = fs::read_dir(format!("{folder}/queues")).ok()?;
        let names = queues.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let names: Vec<String> = names.filter(|name| name.starts_with("rx-")).collect();
        // Where packets are passed on to other CPUs (RPS), those count.
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
        Some(Queues {
            count: names.len(),
            cpus,
        })
    }
}

/// The CPUs that the interrupts of a device go to (its msi_irqs, and Documentation/core-api/irq/irq-affinity.rst).
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

/// CPUs of a mask of the kernel's: hexadecimal words of 32 bits, the highest first, with commas between.
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
        // The kernel takes the CPU's number modulo that of sockets.
        let fed: BTreeSet<usize> = serving.iter().map(|cpu| cpu % count).collect();
        let starved = if serving.is_empty() {
            queues.count < count
        } else {
            fed.len() < count
        };
        if starved {
            return Finding::warn(
                topic,
                format!("{text}: with --fanout cpu some cores get nothing"),
                format!("--fanout hash, or ethtool -L {name} combined {count} and a CPU for each"),
            );
        }
        return Finding::ok(topic, text);
    }
    let both: Vec<usize> = cores
        .iter()
        .copied()
        .filter(|cpu| queues.cpus.contains(cpu))
        .collect();
    // Queues all over the machine leave no CPU to go to.
    if both.is_empty() || serving.len() > count {
        return Finding::ok(topic, text);
    }
    Finding::warn(
        topic,
        format!("{text}: CPU {} does both", list(&both)),
        "--cores with other CPUs, or interrupts elsewhere (/proc/irq/N/smp_affinity_list)",
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
        assert_eq!(from_mask("0\n"), []);
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
