//! What a child writes, read while it runs.

use std::io::{ErrorKind, Read};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

/// One stream of a child, read by a thread to its end.
#[derive(Debug)]
pub(super) struct Output {
    bytes: Arc<Mutex<Vec<u8>>>,
    /// None where there is no stream, or it was read to its end.
    reader: Option<JoinHandle<()>>,
}

impl Output {
    /// Starts to read; nothing comes of a stream that is not piped.
    pub(super) fn of(stream: Option<impl Read + Send + 'static>) -> Self {
        let bytes = Arc::<Mutex<Vec<u8>>>::default();
        let reader = stream.map(|stream| {
            let bytes = Arc::clone(&bytes);
            thread::spawn(move || read(stream, &bytes))
        });
        Self { bytes, reader }
    }

    /// Whether nothing more will come.
    pub(super) fn has_ended(&self) -> bool {
        self.reader.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// What has come so far.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.lock()).into_owned()
    }

    /// The line that starts at a byte, once it is whole.
    pub(super) fn line_at(&self, start: usize) -> Option<String> {
        let bytes = self.lock();
        let rest = &bytes[start..];
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        Some(String::from_utf8(rest[..=end].to_vec()).expect("lines of UTF-8"))
    }

    /// Waits for the end of the stream and takes all of it.
    pub(super) fn all(&mut self) -> Vec<u8> {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("a reader does not panic");
        }
        std::mem::take(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.bytes.lock().expect("nobody panics with the lock")
    }
}

fn read(mut stream: impl Read, bytes: &Mutex<Vec<u8>>) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        match stream.read(&mut buffer) {
            Ok(length @ 1..) => bytes
                .lock()
                .expect("nobody panics with the lock")
                .extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Whoever looks at what was said sees that a stream broke off.
            Ok(0) | Err(_) => return,
        }
    }
}
