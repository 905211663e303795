//! A server that gives prepared answers and remembers what it was asked.

use http::{HeaderMap, HeaderName, HeaderValue};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;

/// A request as it came over the wire.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    /// `PUT /path?query`.
    pub(crate) fn line(&self) -> String {
        let mark = if self.query.is_empty() { "" } else { "?" };
        format!("{} {}{mark}{}", self.method, self.path, self.query)
    }

    /// The parameters of a form.
    pub(crate) fn form(&self) -> Vec<(String, String)> {
        signature::decode_pairs(std::str::from_utf8(&self.body).unwrap()).unwrap()
    }

    pub(crate) fn head(&self) -> signature::Head<'_> {
        signature::Head {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &self.headers,
        }
    }
}

/// Answers one request per prepared answer, each on a connection of its own.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    thread: JoinHandle<Vec<Asked>>,
}

impl Server {
    pub(crate) fn start(answers: &[(u16, &str)]) -> Self {
        Self::over(answers, |stream| stream)
    }

    /// With a wrapper around each connection, such as TLS.
    pub(crate) fn over<S: Read + Write>(
        answers: &[(u16, &str)],
        wrap: impl Fn(std::net::TcpStream) -> S + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let answers: Vec<_> =
            answers.iter().map(|(status, body)| (*status, (*body).to_owned())).collect();
        let answer = move |(status, body): (u16, String)| -> io::Result<Asked> {
            let mut reader = BufReader::new(wrap(listener.accept()?.0));
            let asked = read(&mut reader)?;
            let length = body.len();
            write!(
                reader.get_mut(),
                "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            )?;
            reader.get_mut().flush()?;
            Ok(asked)
        };
        let thread = std::thread::spawn(move || {
            answers.into_iter().map_while(|it| answer(it).ok()).collect()
        });
        Self { address, thread }
    }

    /// What was asked, once all answers have been given or a connection failed.
    pub(crate) fn asked(self) -> Vec<Asked> {
        self.thread.join().unwrap()
    }
}

fn read(reader: &mut impl BufRead) -> io::Result<Asked> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split(' ').map(str::to_owned);
    let mut word = || words.next().ok_or(io::ErrorKind::UnexpectedEof);
    let (method, target) = (word()?, word()?);
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let mut headers = HeaderMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    let length = headers.get("content-length").map_or("0", |length| length.to_str().unwrap());
    let mut body = vec![0; length.parse().unwrap()];
    reader.read_exact(&mut body)?;
    Ok(Asked { method, path: path.to_owned(), query: query.to_owned(), headers, body })
}
