use crate::world::World;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};

/// A mail server that takes everything.
struct MailServer {
    address: String,
    taken: Arc<Mutex<Vec<String>>>,
    some: Arc<Notify>,
}

impl MailServer {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (taken, some) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<Notify>::default());
        let (kept, told) = (taken.clone(), some.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mail = converse(stream).await;
                kept.lock().unwrap().push(mail);
                told.notify_one();
            }
        });
        Self { address, taken, some }
    }

    async fn next(&self) -> String {
        tokio::time::timeout(Duration::from_secs(60), self.some.notified()).await.unwrap();
        self.taken.lock().unwrap().pop().unwrap()
    }
}

/// RFC 5321 as far as one mail needs it.
async fn converse(stream: TcpStream) -> String {
    let (reading, mut writing) = stream.into_split();
    let mut lines = BufReader::new(reading).lines();
    writing.write_all(b"220 test\r\n").await.unwrap();
    let (mut mail, mut in_data) = (String::new(), false);
    while let Ok(Some(line)) = lines.next_line().await {
        let answer = match line.as_str() {
            "." if in_data => {
                writing.write_all(b"250 taken\r\n").await.unwrap();
                return mail;
            }
            _ if in_data => {
                mail += &line;
                mail.push('\n');
                continue;
            }
            "DATA" => {
                in_data = true;
                "354 go on\r\n"
            }
            _ => "250 fine\r\n",
        };
        mail += &line;
        mail.push('\n');
        writing.write_all(answer.as_bytes()).await.unwrap();
    }
    mail
}

async fn apply(world: &World) {
    let mut browser = world.browser();
    browser.get("/apply").await;
    let fields = [
        ("user", "alice"),
        ("password", "white rabbit"),
        ("again", "white rabbit"),
        ("full-name", "Alicë"),
        ("email", "alice@example.org"),
    ];
    browser.fill(&fields).await;
    assert!(browser.page.contains("Thank you"), "{}", browser.page);
}

#[tokio::test]
async fn mail_reaches_the_mail_server_with_the_texts_of_the_administrator() {
    let server = MailServer::start().await;
    let properties = "signup-email-address=cloud@example.org\nsignup-request-subject=Somebody\n";
    let world = World::with_mail_server(&server.address, properties).await;
    world.first_tasks().await;
    let (stop, stopped) = watch::channel(false);
    let sending = tokio::spawn(world.console.clone().run(stopped));
    apply(&world).await;
    let mail = server.next().await;
    for part in [
        "MAIL FROM:<cloud@example.org>",
        "RCPT TO:<admin@example.org>",
        "Subject: Somebody",
        "Message-ID: <",
        "Reply-To: cloud@example.org",
    ] {
        assert!(mail.contains(part), "{part} in {mail}");
    }
    stop.send(true).unwrap();
    sending.await.unwrap();
}

#[tokio::test]
async fn mail_that_cannot_be_sent_waits_and_is_seen() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = listener.local_addr().unwrap().to_string();
    drop(listener);
    let world = World::with_mail_server(&nobody, "").await;
    let mut admin = world.first_tasks().await;
    apply(&world).await;
    let (stop, stopped) = watch::channel(false);
    let sending = tokio::spawn(world.console.clone().run(stopped));
    let waiting = async {
        loop {
            let mails = world.cloud.state().mails(9).await.unwrap();
            if mails[0].attempts > 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.unwrap();
    admin.get("/users").await;
    assert!(admin.page.contains("Mail that waits") && admin.page.contains(&nobody));
    assert!(admin.page.contains("refused"), "{}", admin.page);
    stop.send(true).unwrap();
    sending.await.unwrap();
}
