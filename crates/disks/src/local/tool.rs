//! Runs the disk tools: no shell, a time limit, and their own words in the error.

use super::fault::Fault;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

/// More of what a tool says is thrown away: a broken image can make it talk without end.
const MOST_OUTPUT: u64 = 256 * 1024;
/// As much of its last words goes into an error.
const SHOWN: usize = 600;

/// A tool that is about to be run.
pub(super) struct Tool {
    program: &'static str,
    limit: Duration,
    command: Command,
    input: Vec<u8>,
    good_codes: &'static [i32],
}

/// What a tool said.
pub(super) struct Output {
    /// Its standard output, at most 256 KiB.
    pub(super) stdout: Vec<u8>,
    /// Its standard error, at most 256 KiB.
    pub(super) stderr: Vec<u8>,
}

impl Tool {
    /// A tool that is killed when it runs for longer than `limit`.
    pub(super) fn new(program: &'static str, limit: Duration) -> Self {
        let mut command = Command::new(program);
        // e2fsprogs are in sbin, which a daemon's PATH may lack.
        let mut path = std::env::var_os("PATH").unwrap_or_default();
        path.push(":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin");
        command.env("PATH", path).env("LC_ALL", "C").kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { program, limit, command, input: Vec::new(), good_codes: &[0] }
    }

    /// Runs it in this directory, so that names in it need no quoting.
    pub(super) fn directory(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Adds arguments.
    pub(super) fn args(mut self, args: impl IntoIterator<Item: AsRef<OsStr>>) -> Self {
        self.command.args(args);
        self
    }

    /// What it reads from standard input.
    pub(super) fn input(mut self, input: String) -> Self {
        self.input = input.into_bytes();
        self
    }

    /// The exit codes that are no failure.
    pub(super) fn good_codes(mut self, codes: &'static [i32]) -> Self {
        self.good_codes = codes;
        self
    }

    /// Starts it and leaves it running; it is killed when the child is dropped.
    pub(super) fn spawn(&mut self) -> Result<Child, Fault> {
        self.command.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => missing(self.program),
            _ => Fault::io(format!("starting {}", self.program), &error),
        })
    }

    /// Runs it to its end.
    pub(super) async fn run(mut self) -> Result<Output, Fault> {
        let mut child = self.spawn()?;
        let talk = talk(&mut child, std::mem::take(&mut self.input));
        let (status, stdout, stderr) = match tokio::time::timeout(self.limit, talk).await {
            Ok(Ok(said)) => said,
            Ok(Err(error)) => return Err(Fault::io(format!("running {}", self.program), &error)),
            Err(_) => {
                let limit = self.limit.as_secs();
                let message = format!("{} did not end within {limit} s", self.program);
                return Err(Fault::Failed(message));
            }
        };
        if status.code().is_some_and(|code| self.good_codes.contains(&code)) {
            return Ok(Output { stdout, stderr });
        }
        if status.code().is_none() {
            return Err(Fault::Failed(format!("{} was killed ({status})", self.program)));
        }
        Err(self.failure(status, &stderr))
    }

    fn failure(&self, status: ExitStatus, stderr: &[u8]) -> Fault {
        let command = self.command.as_std();
        let args: Vec<OsString> = command.get_args().map(OsStr::to_owned).collect();
        let doing = format!("{} {} ({status})", self.program, args.join(OsStr::new(" ")).display());
        Fault::tool(doing, &last_words(stderr))
    }
}

async fn talk(child: &mut Child, input: Vec<u8>) -> io::Result<(ExitStatus, Vec<u8>, Vec<u8>)> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let feed = async {
        if let Some(mut stdin) = stdin {
            // A tool that ends without reading all says why on standard error.
            stdin.write_all(&input).await.ok();
        }
    };
    let ((), stdout, stderr, status) =
        tokio::join!(feed, read_some(stdout), read_some(stderr), child.wait());
    Ok((status?, stdout?, stderr?))
}

/// Reads a pipe to its end and keeps the beginning.
pub(super) async fn read_some(pipe: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let Some(mut pipe) = pipe else { return Ok(Vec::new()) };
    let mut kept = Vec::new();
    (&mut pipe).take(MOST_OUTPUT).read_to_end(&mut kept).await?;
    tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await?;
    Ok(kept)
}

/// The end of what a tool said on standard error, on one line.
pub(super) fn last_words(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let skip = line.chars().count().saturating_sub(SHOWN);
    line.chars().skip(skip).collect()
}

fn missing(program: &str) -> Fault {
    let package = match program {
        "qemu-img" => "qemu-utils",
        "setpriv" => "util-linux",
        _ => "e2fsprogs",
    };
    Fault::Failed(format!("{program} is not installed (Debian: apt install {package})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(program: &'static str) -> Tool {
        Tool::new(program, Duration::from_secs(20))
    }

    async fn failure(tool: Tool) -> String {
        tool.run().await.err().expect("it should fail").to_string()
    }

    #[tokio::test]
    async fn a_tool_gets_its_input_and_its_output_is_read() {
        let output = tool("cat").input("two\nlines".into()).run().await.unwrap();
        assert_eq!(output.stdout, b"two\nlines");
    }

    #[tokio::test]
    async fn a_failure_tells_command_code_and_last_words() {
        let error = failure(tool("ls").args(["/no such place"])).await;
        assert!(error.starts_with("ls /no such place (exit status: 2): "), "{error}");
        assert!(error.ends_with("No such file or directory"), "{error}");
        assert!(tool("false").good_codes(&[0, 1]).run().await.is_ok());
    }

    #[tokio::test]
    async fn a_missing_tool_is_named_with_its_package() {
        assert_eq!(
            failure(tool("no-such-tool")).await,
            "no-such-tool is not installed (Debian: apt install e2fsprogs)"
        );
    }

    #[tokio::test]
    async fn a_tool_that_hangs_is_given_up() {
        let hanging = Tool::new("sleep", Duration::from_millis(20)).args(["600"]);
        assert!(failure(hanging).await.contains("did not end within"));
    }

    #[tokio::test]
    async fn endless_output_is_cut() {
        let output = tool("head").args(["-c", "3000000", "/dev/zero"]).run().await.unwrap();
        assert_eq!(output.stdout.len() as u64, MOST_OUTPUT);
    }
}
