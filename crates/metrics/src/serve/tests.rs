use super::*;
use crate::{Counter, Gauge, parse};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

struct Process {
    books: [Book; 2],
    calls: Counter,
    level: Gauge,
    measured: AtomicU64,
    problems: Vec<String>,
}

impl Process {
    fn new(problems: &[&str]) -> Arc<Self> {
        let books = [Book::default(), Book::default()];
        let calls = books[0].counter("calls", "Calls", &["of"]);
        let level = books[1].gauge("level", "The level", &[]);
        let problems = problems.iter().map(|text| (*text).to_owned()).collect();
        Arc::new(Self { books, calls, level, measured: AtomicU64::new(0), problems })
    }
}

#[async_trait]
impl Watched for Process {
    fn books(&self) -> Vec<&Book> {
        self.books.iter().collect()
    }

    async fn measure(&self) {
        let times = self.measured.fetch_add(1, Ordering::Relaxed) + 1;
        self.level.set(&[], times as f64);
    }

    async fn problems(&self) -> Vec<String> {
        self.problems.clone()
    }
}

/// What a process answers at a path: status line and headers, and the body.
async fn ask(process: Arc<Process>, paths: &[&str]) -> Vec<(String, String)> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let served = tokio::spawn(serve(listener, process, async { drop(stopped.await) }));
    let mut answers = Vec::new();
    for path in paths {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        answers.push((head.to_owned(), body.to_owned()));
    }
    drop(stop);
    served.await.unwrap().unwrap();
    answers
}

#[tokio::test]
async fn metrics_of_all_books_are_read_over_http_and_measured_once_a_moment() {
    let process = Process::new(&[]);
    process.calls.add(&["a"], 3);
    let answers = ask(process.clone(), &["/metrics"; 5]).await;
    let (head, body) = &answers[4];
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    assert!(head.to_ascii_lowercase().contains("content-type: application/openmetrics-text"));
    let samples = parse(body).unwrap();
    let of = |name: &str| samples.iter().find(|it| it.name == name).unwrap().value;
    assert_eq!(of("eucalyptus_calls_total"), 3.0);
    assert!(of("eucalyptus_level") <= 5.0);
    assert_eq!(of("eucalyptus_level"), process.measured.load(Ordering::Relaxed) as f64);
}

#[tokio::test]
async fn health_says_whether_the_process_does_its_work_and_why_not() {
    let answers = ask(Process::new(&[]), &["/healthz", "/", "/metrics/x"]).await;
    assert!(answers[0].0.starts_with("HTTP/1.1 200 OK"));
    assert_eq!(answers[0].1, "{\"problems\":[],\"status\":\"ok\"}\n");
    assert!(answers[1].0.starts_with("HTTP/1.1 404"));
    assert!(answers[2].0.starts_with("HTTP/1.1 404"));
    let answers = ask(Process::new(&["the \"disk\" is full"]), &["/healthz"]).await;
    assert!(answers[0].0.starts_with("HTTP/1.1 503"), "{}", answers[0].0);
    let told: serde_json::Value = serde_json::from_str(&answers[0].1).unwrap();
    assert_eq!(told["status"], "failing");
    assert_eq!(told["problems"][0], "the \"disk\" is full");
}
