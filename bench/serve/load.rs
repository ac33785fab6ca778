//! Requests at a fixed rate, whatever the server does: wrk sends the next one only when the
//! last is answered, so a pause of the server holds back the very requests that would have
//! shown it. Here each has its time in a timetable, and its latency counts from that time.
//!
//! `load ADDRESS PATH FILE TYPE CONNECTIONS RATE SECONDS` posts the file again and again. A
//! rate of 0 sends the next request when the last is answered, and counts from its sending.
//! Answers of status 429 are `busy`, all others but 200 `failed`.

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// One request on a connection that stays open; the status of its answer.
fn ask(connection: &mut BufReader<TcpStream>, request: &[u8], line: &mut String) -> Result<u16> {
    connection.get_mut().write_all(request)?;
    let (mut status, mut length) = (0, 0);
    loop {
        line.clear();
        connection.read_line(line)?;
        if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
            status = rest.get(..3).ok_or("no status")?.parse()?;
        } else if let Some((name, value)) = line.split_once(':') {
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse()?;
            }
        } else if status == 0 {
            return Err("no HTTP/1.1 answer".into());
        } else {
            break;
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body)?;
    Ok(status)
}

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [address, path, file, kind, connections, rate, seconds] = arguments.as_slice() else {
        return Err("load ADDRESS PATH FILE TYPE CONNECTIONS RATE SECONDS".into());
    };
    let (connections, rate): (usize, f64) = (connections.parse()?, rate.parse()?);
    let whole = Duration::from_secs_f64(seconds.parse()?);
    let body = fs::read(file)?;
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend(body);

    let next = AtomicU64::new(0);
    let begun = Instant::now();
    let work = || -> Result<(Vec<f64>, [usize; 2])> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let mut connection = BufReader::new(stream);
        let (mut latencies, mut not_read, mut line) = (Vec::new(), [0, 0], String::new());
        loop {
            let due = if rate > 0.0 {
                let at = next.fetch_add(1, Ordering::Relaxed) as f64 / rate;
                begun + Duration::from_secs_f64(at)
            } else {
                Instant::now()
            };
            if due - begun >= whole {
                return Ok((latencies, not_read));
            }
            thread::sleep(due.saturating_duration_since(Instant::now()));
            match ask(&mut connection, &request, &mut line)? {
                200 => {}
                429 => not_read[0] += 1,
                _ => not_read[1] += 1,
            }
            latencies.push(due.elapsed().as_secs_f64() * 1000.0);
        }
    };
    let (mut latencies, mut busy, mut failed) = (Vec::new(), 0, 0);
    thread::scope(|scope| -> Result<()> {
        let threads: Vec<_> = (0..connections).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            let (some, [turned_away, wrong]) =
                thread.join().map_err(|_| "a connection's thread ended")??;
            latencies.extend(some);
            busy += turned_away;
            failed += wrong;
        }
        Ok(())
    })?;
    let per_second = latencies.len() as f64 / begun.elapsed().as_secs_f64();
    latencies.sort_by(f64::total_cmp);
    let at =
        |part: f64| latencies.get((latencies.len() as f64 * part) as usize).unwrap_or(&f64::NAN);
    println!(
        "{{\"per_second\": {per_second:.1}, \"p50_ms\": {:.4}, \"p99_ms\": {:.4}, \"busy\": {busy}, \"failed\": {failed}}}",
        at(0.5),
        at(0.99)
    );
    Ok(())
}
