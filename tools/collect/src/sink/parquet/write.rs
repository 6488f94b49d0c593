//! Writes rows that waited to files: of an hour, in order.

use std::io::Write;

use dnsflow_archive::{GROUP_ROWS, Table};
use parquet::errors::Result;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};

use super::columns::Columns;
use super::row::{NameKey, Row, Seen};
use super::rows::Rows;
use super::texts::{Id, Lent, NONE};

/// Names of the flags of a message, and the bits that [`dnsflow_wire::v5::Flags`] has for them.
type FlagTexts = [Vec<Id>; 256];

/// Makes the texts that are needed while texts are lent: the lists of flags.
pub(super) fn flag_texts(rows: &mut Rows) -> Box<FlagTexts> {
    Box::new(std::array::from_fn(|bits| {
        let bits = u8::try_from(bits).unwrap_or(0);
        let names = dnsflow_wire::v5::Flags(bits).names();
        names.map(|name| rows.texts.text(name)).collect()
    }))
}

/// The rows of an hour in order of their time.
pub(super) fn by_time(rows: &Rows, partition: i64) -> Vec<&Row> {
    let of_partition = rows.rows.iter().filter(|row| row.partition == partition);
    let mut of_partition: Vec<_> = of_partition.collect();
    of_partition.sort_by_key(|row| row.time);
    of_partition
}

/// The names of an hour in the order of their texts.
pub(super) fn by_address<'a>(
    rows: &'a Rows,
    texts: &Lent,
    partition: i64,
) -> Vec<(&'a NameKey, &'a Seen)> {
    let names = rows.names.iter();
    let mut names: Vec<_> = names
        .filter(|(key, _)| key.partition == partition)
        .collect();
    let ranks = ranks(texts, &names);
    let rank = |id: Id| ranks.get(id as usize).copied().unwrap_or(0);
    names
        .sort_by_cached_key(|(key, _)| [key.address, key.client, key.name, key.question].map(rank));
    names
}

/// The place of each text that names use among all of them, from 1; the absent one has 0.
fn ranks(texts: &Lent, names: &[(&NameKey, &Seen)]) -> Vec<u32> {
    let mut used: Vec<Id> = Vec::with_capacity(names.len());
    let mut ranks = vec![0; texts.len()];
    for (key, _) in names {
        for id in [key.address, key.client, key.name, key.question] {
            if let Some(rank) = ranks.get_mut(id as usize).filter(|rank| **rank == 0) {
                *rank = 1;
                used.push(id);
            }
        }
    }
    used.sort_by(|one, other| texts.get(*one).cmp(texts.get(*other)));
    for (place, id) in (1..).zip(used) {
        if let Some(rank) = ranks.get_mut(id as usize) {
            *rank = place;
        }
    }
    ranks
}

/// Writes a file of `responses`.
pub(super) fn responses<W: Write + Send>(
    out: W,
    compress: bool,
    rows: &Rows,
    texts: &Lent,
    flags: &FlagTexts,
    ordered: &[&Row],
) -> Result<W> {
    let table = Table::Responses;
    let mut file = SerializedFileWriter::new(out, table.schema()?, table.properties(compress)?)?;
    for ordered in ordered.chunks(GROUP_ROWS) {
        let mut group = file.next_row_group()?;
        responses_group(&mut group, rows, texts, flags, ordered)?;
        group.close()?;
    }
    file.into_inner()
}

fn responses_group<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    rows: &Rows,
    texts: &Lent,
    flags: &FlagTexts,
    ordered: &[&Row],
) -> Result<()> {
    let stream = |row: &&Row| rows.stream_of(row);
    let mut columns = Columns::new(group, texts);
    columns.int64(ordered, true, |row| Some(row.time))?;
    columns.int64(ordered, true, |row| Some(row.received))?;
    columns.text(ordered, true, |row| {
        stream(row).map_or(NONE, |stream| stream.sensor)
    })?;
    columns.text(ordered, true, |row| {
        stream(row).map_or(NONE, |stream| stream.source)
    })?;
    columns.int32(ordered, false, |row| stream(row)?.core.map(i32::from))?;
    columns.text(ordered, true, |row| {
        stream(row).map_or(NONE, |stream| stream.boot)
    })?;
    columns.int64(ordered, true, |row| Some(row.sequence.cast_signed()))?;
    columns.int32(ordered, true, |row| Some(row.index.into()))?;
    columns.text(ordered, true, |row| row.client)?;
    columns.int32(ordered, false, |row| row.client_port.map(i32::from))?;
    columns.text(ordered, false, |row| row.resolver)?;
    columns.int32(ordered, false, |row| row.resolver_port.map(i32::from))?;
    columns.text(ordered, false, |row| row.transport)?;
    columns.text(ordered, false, |row| row.query)?;
    columns.text(ordered, false, |row| row.qtype)?;
    columns.text(ordered, false, |row| row.qclass)?;
    columns.text(ordered, false, |row| row.rcode)?;
    let flags = |bits: u8| flags.get(usize::from(bits)).map(Vec::as_slice);
    columns.texts(ordered, false, |row| row.flags.and_then(flags), |id| *id)?;
    columns.texts(ordered, true, |row| Some(rows.names_of(row)), |id| *id)?;
    columns.texts(ordered, true, |row| Some(rows.addresses_of(row)), |id| *id)?;
    columns.int32(ordered, false, |row| row.ttl.map(u32::cast_signed))?;
    let answers = |row: &Row| row.flags.map(|_| rows.answers_of(row));
    columns.texts(ordered, false, |row| answers(row), |[owner, ..]| *owner)?;
    columns.texts(ordered, false, |row| answers(row), |[_, kind, ..]| *kind)?;
    columns.texts(
        ordered,
        false,
        |row| answers(row),
        |[_, _, class, ..]| *class,
    )?;
    columns.numbers(
        ordered,
        false,
        |row| answers(row),
        |[_, _, _, ttl, _]| ttl.cast_signed(),
    )?;
    columns.texts(ordered, false, |row| answers(row), |[.., data]| *data)?;
    columns.text(ordered, false, |row| row.subnet)?;
    columns.text(ordered, false, |row| row.interface)?;
    columns.int32(ordered, false, |row| row.vlan.map(i32::from))?;
    columns.int32(ordered, false, |row| row.inner_vlan.map(i32::from))?;
    columns.int32(ordered, false, |row| row.vni.map(u32::cast_signed))?;
    columns.int32(ordered, false, |row| row.sampling.map(u32::cast_signed))?;
    columns.boolean(ordered, false, |row| row.incomplete())?;
    columns.boolean(ordered, false, |row| row.continues())?;
    columns.boolean(ordered, false, |row| row.has_more())
}

/// Writes a file of `names`.
pub(super) fn names<W: Write + Send>(
    out: W,
    compress: bool,
    texts: &Lent,
    ordered: &[(&NameKey, &Seen)],
) -> Result<W> {
    let table = Table::Names;
    let mut file = SerializedFileWriter::new(out, table.schema()?, table.properties(compress)?)?;
    for ordered in ordered.chunks(GROUP_ROWS) {
        let mut group = file.next_row_group()?;
        names_group(&mut group, texts, ordered)?;
        group.close()?;
    }
    file.into_inner()
}

fn names_group<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    texts: &Lent,
    ordered: &[(&NameKey, &Seen)],
) -> Result<()> {
    let mut columns = Columns::new(group, texts);
    columns.text(ordered, true, |(key, _)| key.address)?;
    columns.text(ordered, true, |(key, _)| key.client)?;
    columns.text(ordered, true, |(key, _)| key.name)?;
    columns.text(ordered, false, |(key, _)| key.question)?;
    columns.int64(ordered, true, |(_, seen)| Some(seen.first))?;
    columns.int64(ordered, true, |(_, seen)| Some(seen.last))?;
    columns.int64(ordered, true, |(_, seen)| Some(seen.count.cast_signed()))?;
    columns.int32(ordered, false, |(_, seen)| seen.ttl.map(u32::cast_signed))
}
