//! Mail: what is written, and how it gets to the mail server.

use crate::console::Console;
use crate::error::Error;
use crate::person_form::Filled;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use state::{Mail, NewMail, Person};
use std::time::Duration;
use tokio::sync::watch;
use types::{Secret, UserName};

/// How often it is looked whether mail is to be tried again.
const LOOK: Duration = Duration::from_secs(10);
/// How long the mail server may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many mails are tried at a time.
const AT_A_TIME: u32 = 50;
/// The port of mail servers.
const SMTP_PORT: u16 = 25;

/// Whether a text is an address that mail can be sent to.
pub(crate) fn is_address(text: &str) -> bool {
    text.is_ascii() && text.parse::<Address>().is_ok()
}

/// The mail server at `HOST:PORT`, or at port 25 of `HOST`.
pub(crate) fn server(text: &str) -> Result<AsyncSmtpTransport<Tokio1Executor>, Error> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => {
            let port = port.parse().map_err(|_| Error::Mail(format!("\"{text}\" has no port")))?;
            (host, port)
        }
        None => (text, SMTP_PORT),
    };
    // the cloud's own machine or network: what is beyond it is the mail server's to protect
    let server = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host);
    Ok(server.port(port).timeout(Some(PATIENCE)).build())
}

/// Tells an administrator of an application.
pub(crate) fn application(
    console: &Console,
    to: &str,
    name: &UserName,
    filled: &Filled,
) -> NewMail {
    let words = &console.words;
    let profile = &filled.profile;
    let url = &console.settings.url;
    let body = format!(
        "User {} has signed up on {}:\n\n\
         Full name: {}\nEmail: {}\nTelephone: {}\nProject leader: {}\nAffiliation: {}\n\
         Project description: {}\n\n\
         To APPROVE this request, open (you will be asked to sign in):\n\n\
         {url}/?action=approve&user={name}\n\n\
         To REJECT this request, open:\n\n\
         {url}/?action=reject&user={name}\n",
        name,
        words.cloud_name(),
        profile.full_name,
        profile.email,
        profile.telephone,
        profile.project_leader,
        profile.affiliation,
        profile.project_description,
    );
    let subject = words.text("signup-request-subject", "[Eucalyptus] new user has signed up");
    NewMail { recipient: to.to_owned(), subject: subject.to_owned(), body }
}

/// Tells a user that the account is approved, and how to activate it.
pub(crate) fn approval(
    console: &Console,
    to: &str,
    name: &UserName,
    code: &Secret<String>,
) -> NewMail {
    let words = &console.words;
    let header = words.text("signup-approval-header", "Your request for an account was approved.");
    let footer = words.text("signup-approval-footer", "You need to do this before you can log in.");
    let body = format!(
        "{header}\n\nTo activate the account \"{name}\", open this address and sign in there with \
         the user name and password that were chosen when you signed up:\n\n\
         {}/?action=confirm&code={}\n\n{footer}\n",
        console.settings.url,
        code.expose(),
    );
    let subject = words.text("signup-approval-subject", "your Eucalyptus account was approved");
    NewMail { recipient: to.to_owned(), subject: subject.to_owned(), body }
}

/// Tells somebody that an application was rejected.
pub(crate) fn rejection(console: &Console, to: &str, name: &UserName) -> NewMail {
    let words = &console.words;
    let text = "To find out why, write to the administrator of the cloud.";
    let message = words.text("signup-rejection-message", text);
    let subject = words.text("signup-rejection-subject", "your Eucalyptus account was rejected");
    let body = format!("Your request for the account \"{name}\" was rejected.\n\n{message}\n");
    NewMail { recipient: to.to_owned(), subject: subject.to_owned(), body }
}

/// Leads to the new password.
pub(crate) fn recovery(console: &Console, person: &Person, code: &Secret<String>) -> NewMail {
    let words = &console.words;
    let text = "Somebody, probably you, has asked to change the password of your account.";
    let subject = "request to reset your Eucalyptus password";
    let body = format!(
        "{}\n\nTo put the new password of \"{}\" in place, open:\n\n\
         {}/?action=recover&code={}\n\n\
         If it was not you, do nothing: the old password stays.\n",
        words.text("password-recovery-message", text),
        person.user.name,
        console.settings.url,
        code.expose(),
    );
    NewMail {
        recipient: person.profile.email.clone(),
        subject: words.text("password-recovery-subject", subject).to_owned(),
        body,
    }
}

/// Sends what waits, when it is due, until `stop` says so.
pub(crate) async fn send_all(console: &Console, mut stop: watch::Receiver<bool>) {
    loop {
        if let Err(error) = send_due(console).await {
            tracing::error!(%error, "cannot look for mail that waits");
        }
        tokio::select! {
            () = console.mail_waits.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

async fn send_due(console: &Console) -> Result<(), Error> {
    let state = console.cloud.state();
    let now = console.now();
    for mail in state.mails(AT_A_TIME).await?.into_iter().filter(|mail| mail.next <= now) {
        // killed between these two, it is sent again; its message id stays the same
        match send(console, &mail).await {
            Ok(()) => state.forget_mail(mail.id).await?,
            Err(problem) => {
                let to = &mail.mail.recipient;
                tracing::warn!(to, problem, "a mail could not be sent");
                if !state.mail_failed(mail.id.clone(), problem, console.now()).await? {
                    tracing::error!(to, subject = mail.mail.subject, "a mail was given up");
                }
            }
        }
    }
    Ok(())
}

async fn send(console: &Console, mail: &Mail) -> Result<(), String> {
    let message = message(console, mail).map_err(|error| error.to_string())?;
    console.smtp.send(message).await.map(|_| ()).map_err(|error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
    })
}

fn message(console: &Console, mail: &Mail) -> Result<Message, Box<dyn std::error::Error>> {
    let words = &console.words;
    let host = host_of(&console.settings.url);
    let own = format!(
        "eucalyptus@{}",
        if host.parse::<std::net::IpAddr>().is_ok() { "localhost.localdomain" } else { host }
    );
    let from: Mailbox = words.text("signup-email-address", &own).parse()?;
    let reply_to: Mailbox = match words.text("reply-email-address", "") {
        "" => from.clone(),
        address => address.parse()?,
    };
    let NewMail { recipient, subject, body } = &mail.mail;
    Ok(Message::builder()
        .from(from)
        .reply_to(reply_to)
        .to(recipient.parse()?)
        .subject(subject)
        .message_id(Some(format!("<{}@{host}>", mail.id)))
        .header(ContentType::TEXT_PLAIN)
        .body(body.clone())?)
}

/// The host of `https://HOST:PORT`.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.rsplit_once(':').map_or(rest, |(host, _)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_would_write_other_headers_are_none() {
        assert!(is_address("alice@example.org") && is_address("root@localhost"));
        for bad in ["", "alice", "a@b\r\nBcc: c@d", "a b@c", "a@", "@b", "ä@b.c", "a@b, c@d"] {
            assert!(!is_address(bad), "{bad:?}");
        }
    }

    #[test]
    fn the_mail_server_has_a_port() {
        assert!(server("localhost").is_ok() && server("mail.example.org:2525").is_ok());
        assert!(server("localhost:smtp").is_err());
        assert_eq!(host_of("https://cloud.example.org:8443"), "cloud.example.org");
    }
}
