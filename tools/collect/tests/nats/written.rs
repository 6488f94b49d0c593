//! What a sink is given, and what it has to come to.

use std::sync::Arc;

use dnsflow_collect::batch::Batch;
use dnsflow_collect::sink::{Destination, Sink, SinkError};
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::patience::until;

/// Writes a batch as a collector does, again and again while the server is away.
pub(crate) fn write(sink: &mut dyn Sink, batch: &Arc<Batch>) {
    until("the batch to be stored", || match sink.write(batch) {
        Ok(()) => Some(()),
        Err(SinkError::Away(_)) => None,
        Err(error) => panic!("batch {}: {error}", batch.id()),
    });
    assert_eq!(sink.stored(), Some(batch.id().number));
}

/// The lines that a file of the same batches has.
pub(crate) fn of_file(batches: &[Arc<Batch>], form: &str) -> Vec<String> {
    let folder = Folder::new();
    let url = format!("jsonl:{}?form={form}", folder.argument("out"));
    let to: Destination = url.parse().expect("the URL is right");
    let mut sink = to.sink(7);
    sink.open().expect("a folder can be made");
    for batch in batches {
        sink.write(batch).expect("there is room");
    }
    sink.finish().expect("there is room");
    let entry = std::fs::read_dir(folder.path("out"))
        .expect("the folder")
        .next();
    let path = entry.expect("a file").expect("an entry").path();
    let text = std::fs::read_to_string(path).expect("text");
    text.lines().map(str::to_owned).collect()
}
