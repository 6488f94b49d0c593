use clap::Parser as _;
use dnsflow_filters::Program;

use super::*;
use crate::capture::rates::Draw;
use crate::capture::socket::Source;
use crate::start::cli::Cli;

const OLD: &str = "192.0.2.1";
const NEW: &str = "192.0.2.2";

fn settings(collector: &str, further: &[&str]) -> Settings {
    let mut arguments = vec!["dnsflow", "-u", collector];
    arguments.extend(further);
    let options = Cli::parse_from(arguments).options;
    Settings::new(options).expect("an example that is right")
}

fn idle() -> Reload {
    Reload::new(settings(OLD, &[]))
}

fn read(settings: Settings) -> Input {
    Input::Read(Box::new(Ok(settings)))
}

fn wrong() -> StartError {
    StartError::Usage("it is wrong".to_owned())
}

fn prepared(cores: &[usize]) -> Input {
    let filter = Program::drop_all();
    let filters = Rates::new(&Source::EVERY_INTERFACE, &filter, Draw::Packets, 0, 0);
    Input::Prepared(Ok(Prepared {
        filters: vec![filters.expect("a short program")],
        cores: cores.iter().copied().collect(),
    }))
}

fn answer(core: usize, number: u64) -> Input {
    Input::Answered {
        core,
        number,
        failure: None,
    }
}

fn refusal(core: usize, number: u64) -> Input {
    Input::Answered {
        core,
        number,
        failure: Some("no memory".to_owned()),
    }
}

/// Actions as text: a change with its number, what it is about, and the first collector.
fn text(actions: &[Action]) -> Vec<String> {
    let one = |action: &Action| match action {
        Action::Read => "read".to_owned(),
        Action::Prepare(capture) => format!("prepare, sample {}", capture.sample),
        Action::Postpone(option) => format!("postpone {option}"),
        Action::Tell(change) => {
            let about = match &change.capture {
                Some(capture) => format!("filters {}", capture.filters.len()),
                None => "output".to_owned(),
            };
            let collector = change.output.collectors.first();
            let address = collector.map(|it| it.address().ip().to_string());
            let address = address.unwrap_or_default();
            format!("change {}: {about}, {address}", change.number)
        }
        Action::Refuse(why) => format!("refuse: {why}"),
        Action::Diverge(why) => format!("diverge: {why}"),
        Action::Finish { is_applied: true } => "applied".to_owned(),
        Action::Finish { is_applied: false } => "not applied".to_owned(),
    };
    actions.iter().map(one).collect()
}

fn step(reload: &mut Reload, input: Input) -> Vec<String> {
    text(&reload.step(input))
}

/// A reload to [`NEW`] and a sample of 4, of which these cores were told as change 1.
fn changing(cores: &[usize]) -> Reload {
    let mut reload = idle();
    assert_eq!(step(&mut reload, Input::Requested), ["read"]);
    let new = settings(NEW, &["-s", "4"]);
    assert_eq!(step(&mut reload, read(new)), ["prepare, sample 4"]);
    let told = step(&mut reload, prepared(cores));
    assert_eq!(told, ["change 1: filters 1, 192.0.2.2"]);
    reload
}

fn collector(reload: &Reload) -> String {
    let collectors = &reload.settings().output.collectors;
    collectors[0].address().ip().to_string()
}

#[test]
fn new_settings_hold_when_all_cores_have_them() {
    let mut reload = changing(&[0, 1]);
    assert!(step(&mut reload, answer(1, 1)).is_empty());
    assert_eq!(step(&mut reload, answer(0, 1)), ["applied"]);
    assert_eq!(collector(&reload), NEW);
    assert_eq!(reload.settings().capture.sample, 4);
    assert_eq!(step(&mut reload, Input::Requested), ["read"]);
}

#[test]
fn options_of_a_start_are_postponed() {
    let mut reload = idle();
    step(&mut reload, Input::Requested);
    step(
        &mut reload,
        read(settings(NEW, &["--ring", "8", "--print"])),
    );
    let told = step(&mut reload, prepared(&[0]));
    let expected = [
        "postpone ring",
        "postpone print",
        "change 1: filters 1, 192.0.2.2",
    ];
    assert_eq!(told, expected);
    assert_eq!(step(&mut reload, answer(0, 1)), ["applied"]);
    assert_eq!(reload.settings().ring_bytes, 64 << 20);
}

#[test]
fn settings_that_cannot_be_had_change_nothing() {
    let refused = ["refuse: it is wrong", "not applied"];
    let mut reload = idle();
    step(&mut reload, Input::Requested);
    let unread = Input::Read(Box::new(Err(wrong())));
    assert_eq!(step(&mut reload, unread), refused);
    step(&mut reload, Input::Requested);
    step(&mut reload, read(settings(NEW, &[])));
    assert_eq!(step(&mut reload, Input::Prepared(Err(wrong()))), refused);
    assert_eq!(collector(&reload), OLD);
    assert_eq!(step(&mut reload, Input::Requested), ["read"]);
}

/// The kernel refuses a filter to one core: all cores get the settings before, also those that had
/// changed.
#[test]
fn all_cores_go_back_when_one_cannot_change() {
    let mut reload = changing(&[0, 1, 2]);
    assert!(step(&mut reload, refusal(1, 1)).is_empty());
    assert!(step(&mut reload, answer(0, 1)).is_empty());
    let refused = step(&mut reload, answer(2, 1));
    assert_eq!(refused, ["refuse: core 1: no memory", "prepare, sample 0"]);
    assert_eq!(collector(&reload), OLD);
    let back = step(&mut reload, prepared(&[0, 1, 2]));
    assert_eq!(back, ["change 2: filters 1, 192.0.2.1"]);
    assert!(step(&mut reload, answer(0, 2)).is_empty());
    assert!(step(&mut reload, answer(1, 2)).is_empty());
    assert_eq!(step(&mut reload, answer(2, 2)), ["not applied"]);
    assert_eq!(collector(&reload), OLD);
    assert_eq!(reload.settings().capture.sample, 0);
}

#[test]
fn the_first_refusal_is_the_one_that_is_said() {
    let mut reload = changing(&[0, 1]);
    step(&mut reload, refusal(1, 1));
    let refused = step(&mut reload, refusal(0, 1));
    assert_eq!(refused[0], "refuse: core 1: no memory");
}

#[test]
fn a_way_back_that_fails_is_said() {
    let mut reload = changing(&[0, 1]);
    step(&mut reload, refusal(0, 1));
    step(&mut reload, answer(1, 1));
    step(&mut reload, prepared(&[0, 1]));
    step(&mut reload, refusal(0, 2));
    let over = step(&mut reload, answer(1, 2));
    assert_eq!(over, ["diverge: core 0: no memory", "not applied"]);

    let mut reload = changing(&[0]);
    step(&mut reload, refusal(0, 1));
    let over = step(&mut reload, Input::Prepared(Err(wrong())));
    assert_eq!(over, ["diverge: it is wrong", "not applied"]);
    assert_eq!(step(&mut reload, Input::Requested), ["read"]);
}

#[test]
fn a_core_that_has_ended_is_not_waited_for() {
    let mut reload = changing(&[0, 1]);
    assert!(step(&mut reload, answer(0, 1)).is_empty());
    assert_eq!(step(&mut reload, Input::Ended(1)), ["applied"]);

    let mut reload = changing(&[0, 1]);
    step(&mut reload, refusal(0, 1));
    step(&mut reload, Input::Ended(0));
    step(&mut reload, Input::Ended(1));
    assert_eq!(
        step(&mut reload, prepared(&[])).last().map(String::as_str),
        Some("not applied")
    );
    assert!(step(&mut idle(), Input::Ended(0)).is_empty());
}

#[test]
fn answers_to_other_changes_do_not_count() {
    let mut reload = changing(&[0]);
    assert!(step(&mut reload, answer(0, 7)).is_empty());
    assert!(step(&mut reload, refusal(0, 0)).is_empty());
    assert_eq!(step(&mut reload, answer(0, 1)), ["applied"]);
    assert!(step(&mut reload, answer(0, 1)).is_empty());
}

#[test]
fn requests_meanwhile_lead_to_one_reload_more() {
    let mut reload = idle();
    step(&mut reload, Input::Requested);
    assert!(step(&mut reload, Input::Requested).is_empty());
    step(&mut reload, read(settings(NEW, &[])));
    step(&mut reload, prepared(&[0]));
    assert!(step(&mut reload, Input::Requested).is_empty());
    assert_eq!(step(&mut reload, answer(0, 1)), ["applied", "read"]);
    step(&mut reload, read(settings(NEW, &[])));
    step(&mut reload, prepared(&[0]));
    assert_eq!(step(&mut reload, answer(0, 2)), ["applied"]);
}

/// `localhost:5300` is wherever it leads; what is found stands for another look-up.
#[test]
fn other_addresses_wait_for_a_change() {
    const NAME: &str = "localhost:5300";
    let found = |collector: &str| vec![Destination::look_up(collector).expect("it has an address")];
    // Nothing is under way: cores move at once, also while settings are read.
    let mut reload = Reload::new(settings(NAME, &[]));
    let leads_to = found(NAME)[0].address().ip();
    let moved = step(&mut reload, Input::Found(found(NAME)));
    assert_eq!(moved, [format!("change 1: output, {leads_to}")]);
    step(&mut reload, Input::Requested);
    let moved = step(&mut reload, Input::Found(found(NAME)));
    assert_eq!(moved, [format!("change 2: output, {leads_to}")]);

    // Cores change: then the move comes after it.
    let mut reload = changing(&[0]);
    assert!(step(&mut reload, Input::Found(found(OLD))).is_empty());
    let over = step(&mut reload, answer(0, 1));
    assert_eq!(over, ["applied", "change 2: output, 192.0.2.2"]);

    // Cores go back: the same.
    let mut reload = changing(&[0]);
    step(&mut reload, refusal(0, 1));
    assert!(step(&mut reload, Input::Found(found(OLD))).is_empty());
    step(&mut reload, prepared(&[0]));
    let over = step(&mut reload, answer(0, 2));
    assert_eq!(over, ["not applied", "change 3: output, 192.0.2.1"]);
}

#[test]
fn settings_without_a_destination_are_refused() {
    let nowhere = || Settings::new(Cli::parse_from(["dnsflow"]).options).expect("it prints");
    let mut reload = idle();
    reload.step(Input::Requested);
    let refused = step(&mut reload, read(nowhere()));
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert!(refused[0].contains("no --udp is left"), "{refused:?}");
    assert_eq!(refused[1], "not applied");
    assert_eq!(reload.settings().output.collectors.len(), 1);
    // A sensor that prints goes on to do so.
    let mut prints = Reload::new(nowhere());
    prints.step(Input::Requested);
    assert_eq!(step(&mut prints, read(nowhere())), ["prepare, sample 0"]);
}
