use super::*;
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;

/// A keeper of a program that is this shell script.
fn keeper(home: &TempDir, script: &str) -> DetachedMetadata {
    let program = home.path().join("program");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    DetachedMetadata::new(
        "/bin/sh".into(),
        vec![program.into()],
        home.path().join("control"),
        home.path().join("metadata.log"),
        "build-2".to_owned(),
    )
}

/// A service in this process that says it is of this build.
fn service(home: &TempDir, build: &'static str) -> tokio::task::JoinHandle<()> {
    let control = home.path().join("control");
    let _ = fs::remove_file(&control);
    let control = UnixListener::bind(control).unwrap();
    let path = home.path().to_owned();
    tokio::spawn(async move {
        let door = || TcpListener::bind("127.0.0.1:0");
        let doors = Doors { group: door().await.unwrap(), site: door().await.unwrap() };
        serve(doors, control, path, build).await;
    })
}

#[tokio::test]
async fn a_service_of_this_build_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let running = service(&home, "build-2");
    let keeper = keeper(&home, "exit 1");
    assert_eq!(keeper.ensure().await, Ok(()));
    assert!(!running.is_finished());
    assert!(!keeper.log.exists(), "nothing was started");
}

#[tokio::test]
async fn a_service_of_another_build_is_replaced() {
    let home = tempfile::tempdir().unwrap();
    let running = service(&home, "build-1");
    let keeper = keeper(&home, "echo started; exec sleep 60");
    assert_eq!(keeper.ensure().await, Ok(()));
    running.await.unwrap();
    let mut started = keeper.started.lock().await;
    let (_, child) = started.as_mut().expect("the new one was started");
    child.kill().await.unwrap();
}

#[tokio::test]
async fn a_service_that_ends_at_once_is_reported_and_not_started_in_a_hurry() {
    let home = tempfile::tempdir().unwrap();
    let keeper = keeper(&home, "echo no such port >&2; exit 3");
    assert_eq!(keeper.ensure().await, Ok(()));
    keeper.started.lock().await.as_mut().unwrap().1.wait().await.unwrap();
    let problem = keeper.ensure().await.unwrap_err();
    assert!(problem.contains("ended at once") && problem.contains("metadata.log"), "{problem}");
    assert_eq!(fs::read_to_string(&keeper.log).unwrap(), "no such port\n", "started once");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let home = tempfile::tempdir().unwrap();
    let mut keeper = keeper(&home, "");
    keeper.program = "/nonexistent/eucalyptus".into();
    assert!(keeper.ensure().await.unwrap_err().contains("cannot be started"));
}

#[test]
fn another_program_file_is_another_build() {
    let home = tempfile::tempdir().unwrap();
    let program = home.path().join("eucalyptus");
    fs::write(&program, "one").unwrap();
    let first = build_id(&program);
    assert_eq!(build_id(&program), first);
    fs::write(&program, "another").unwrap();
    assert_ne!(build_id(&program), first);
}
