//! The porter's side of the engine: links to tiny_http, and the pool that lends them out in the order
//! in which they were asked for.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// One connection to tiny_http; no stream when it broke and must be made anew.
pub(super) struct Link {
    pub slot: usize,
    pub stream: Option<UnixStream>,
    pub buf: Vec<u8>,
}

/// The field that names the sender, the slot and the ticket of a request on a link.
pub(super) const WAYBILL_FIELD: &str = "X-Waybill";

/// Links that are not in use, and who waits for one. First come, first served: whoever gives a link
/// back and wants it again at once would else keep it from those that wait.
#[derive(Default)]
pub(super) struct Pool(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    /// The last one used is the first to be used again.
    idle: Vec<Link>,
    queue: VecDeque<Arc<Place>>,
}

/// A place in the queue, where a link is put when it is its turn.
#[derive(Default)]
struct Place {
    link: Mutex<Option<Link>>,
    come: Condvar,
}

impl Pool {
    /// Takes a link; waits at most `limit` until it is this thread's turn.
    pub(super) fn take(&self, limit: Duration) -> Option<Link> {
        let deadline = Instant::now() + limit;
        let place = {
            let mut waiting = self.0.lock();
            if let Some(link) = waiting.idle.pop() {
                return Some(link);
            }
            let place = Arc::new(Place::default());
            waiting.queue.push_back(place.clone());
            place
        };
        let mut link = place.link.lock();
        while link.is_none() {
            if place.come.wait_until(&mut link, deadline).timed_out() {
                drop(link);
                self.0.lock().queue.retain(|other| !Arc::ptr_eq(other, &place));
                // Out of the queue, or already served.
                return place.link.lock().take();
            }
        }
        link.take()
    }

    /// Gives a link back, or brings a new one.
    pub(super) fn put(&self, link: Link) {
        let mut waiting = self.0.lock();
        match waiting.queue.pop_front() {
            Some(place) => {
                // While the queue is locked: who gives up looks here after having left it.
                *place.link.lock() = Some(link);
                place.come.notify_one();
            }
            None => waiting.idle.push(link),
        }
    }

    /// Drops every link that is not in use.
    pub(super) fn clear(&self) {
        self.0.lock().idle.clear();
    }
}

/// One round trip over a link: sends `body`, leaves the answer's body in `buf`.
pub(super) fn exchange(
    stream: &mut UnixStream,
    buf: &mut Vec<u8>,
    secret: &str,
    slot: usize,
    ticket: u64,
    body: &[u8],
) -> io::Result<()> {
    buf.clear();
    write!(
        buf,
        "POST / HTTP/1.1\r\n{WAYBILL_FIELD}: {secret} {slot} {ticket}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )?;
    if body.len() <= 4096 {
        buf.extend_from_slice(body);
        stream.write_all(buf)?;
    } else {
        stream.write_all(buf)?;
        stream.write_all(body)?;
    }
    read_answer(stream, buf)
}

/// Reads tiny_http's answer; afterwards `buf` holds its body alone.
fn read_answer(stream: &mut UnixStream, buf: &mut Vec<u8>) -> io::Result<()> {
    let malformed = || io::Error::new(io::ErrorKind::InvalidData, "tiny_http's answer is malformed");
    buf.clear();
    let mut filled = 0;
    let (head, length) = loop {
        buf.resize(filled + 4096, 0);
        let n = stream.read(&mut buf[filled..])?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        filled += n;
        let mut fields = [httparse::EMPTY_HEADER; 8];
        let mut answer = httparse::Response::new(&mut fields);
        if let httparse::Status::Complete(head) = answer.parse(&buf[..filled]).map_err(|_| malformed())? {
            if answer.code != Some(200) {
                return Err(malformed());
            }
            let length = answer.headers.iter().find(|f| f.name.eq_ignore_ascii_case("Content-Length"));
            let length = length.and_then(|f| std::str::from_utf8(f.value).ok()?.parse::<usize>().ok());
            break (head, length.ok_or_else(malformed)?);
        }
    };
    buf.truncate(filled);
    buf.drain(..head);
    let got = buf.len();
    if got > length {
        return Err(malformed());
    }
    buf.resize(length, 0);
    stream.read_exact(&mut buf[got..])
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn link(slot: usize) -> Link {
        Link { slot, stream: None, buf: Vec::new() }
    }

    #[test]
    fn whoever_waits_longest_gets_the_next_link() {
        let pool = Arc::new(Pool::default());
        let (sender, order) = crossbeam_channel::unbounded();
        for n in 0..5 {
            let (pool_there, sender) = (pool.clone(), sender.clone());
            std::thread::spawn(move || sender.send((n, pool_there.take(PATIENCE).unwrap().slot)).unwrap());
            // It is in the queue before the next one starts.
            while pool.0.lock().queue.len() <= n {
                std::thread::yield_now();
            }
        }
        for n in 0..5 {
            pool.put(link(n + 10));
            assert_eq!(order.recv().unwrap(), (n, n + 10));
        }
        pool.put(link(1));
        pool.put(link(2));
        assert_eq!(pool.take(PATIENCE).unwrap().slot, 2);
    }

    #[test]
    fn whoever_waits_too_long_leaves_the_queue() {
        let pool = Pool::default();
        assert!(pool.take(Duration::from_millis(1)).is_none());
        pool.put(link(3));
        assert_eq!(pool.take(PATIENCE).unwrap().slot, 3);
    }
}
