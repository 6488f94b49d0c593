//! Output of a run: JSON and a plot in a folder, and text on standard output and in a file.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// The folder for results: `chosen`, or `bench` beside the folder of this program. Creates it if it
/// does not exist.
///
/// # Errors
/// If it can't be created.
pub fn folder(chosen: Option<&Path>) -> Result<PathBuf, Box<dyn Error>> {
    let folder = match chosen {
        Some(chosen) => chosen.to_owned(),
        None => env::current_exe()?.with_file_name("../bench"),
    };
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// The output files of a bench.
#[derive(Clone, Copy, Debug)]
pub struct Files<'a> {
    /// The folder.
    pub out: &'a Path,
    /// Base name of the files, and name of the block in `readme`.
    pub name: &'a str,
    /// A file whose block is replaced by the text, if any.
    pub readme: Option<&'a Path>,
}

impl Files<'_> {
    /// Writes all files, and prints the text.
    ///
    /// # Errors
    /// If a file can't be written, or `readme` has no block of that name.
    pub fn write(
        &self,
        results: &impl Serialize,
        plot: &str,
        text: &str,
    ) -> Result<(), Box<dyn Error>> {
        let Files { out, name, readme } = self;
        let json = serde_json::to_string_pretty(results)?;
        fs::write(out.join(format!("{name}.json")), json)?;
        fs::write(out.join(format!("{name}.svg")), plot)?;
        let folder = out.display();
        println!("{text}\nWritten: {folder}/{name}.json, {folder}/{name}.svg");
        readme.map_or(Ok(()), |readme| replace_block(readme, name, text))
    }
}

/// Replaces what is between the lines `<!-- NAME -->` and `<!-- /NAME -->` of a file by `text`.
///
/// # Errors
/// If the file can't be read or written, or has no such lines.
fn replace_block(path: &Path, name: &str, text: &str) -> Result<(), Box<dyn Error>> {
    let whole = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let (start, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let missing = || {
        format!(
            "{}: the lines {} and {end} are missing",
            path.display(),
            start.trim()
        )
    };
    let (before, rest) = whole.split_once(&start).ok_or_else(missing)?;
    let (_, after) = rest.split_once(&end).ok_or_else(missing)?;
    fs::write(
        path,
        format!("{before}{start}\n{}\n\n{end}{after}", text.trim()),
    )?;
    Ok(())
}
