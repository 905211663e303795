//! Every route × who asks.

use crate::browser::{Browser, encoded};
use crate::world::World;
use http::{Method, StatusCode};

/// What somebody gets at a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gets {
    /// The page, or it is done.
    It,
    /// Sent to the login.
    Login,
    /// Told that it is not allowed.
    Nothing,
    /// Told that there is no such thing.
    Absent,
}
use Gets::{Absent, It, Login, Nothing};

/// Method, path, what the form has, and what anonymous, user and administrator get.
const ROUTES: &[(&str, &str, &str, [Gets; 3])] = &[
    ("GET", "/", "", [Login, It, It]),
    ("GET", "/console.css", "", [It, It, It]),
    ("GET", "/login", "", [It, It, It]),
    ("GET", "/apply", "", [It, It, It]),
    ("GET", "/recover", "", [It, It, It]),
    ("GET", "/?action=confirm&code=x", "", [It, It, It]),
    ("GET", "/?action=recover&code=x", "", [It, It, It]),
    ("GET", "/?action=approve&user=carol", "", [Login, Nothing, It]),
    ("GET", "/?action=delete&user=carol", "", [Login, Nothing, It]),
    ("GET", "/first/password", "", [Login, It, It]),
    ("GET", "/first/email", "", [Login, It, It]),
    ("GET", "/first/walrus", "", [Login, It, It]),
    ("POST", "/first/password", "", [Nothing, It, It]),
    ("POST", "/first/email", "email=x%40y.z&again=x%40y.z", [Nothing, It, It]),
    ("POST", "/first/walrus", "url=http://h/services/Walrus", [Nothing, It, It]),
    ("GET", "/credentials", "", [Login, It, It]),
    ("GET", "/credentials/account", "", [Login, It, It]),
    ("POST", "/credentials/account", "full-name=X&email=x%40y.z", [Nothing, It, It]),
    ("GET", "/credentials/password", "", [Login, It, It]),
    ("POST", "/credentials/password", "", [Nothing, It, It]),
    ("POST", "/credentials/certificate", "", [Nothing, It, It]),
    ("POST", "/credentials/link", "", [Nothing, It, It]),
    ("GET", "/credentials/keys", "", [Login, It, It]),
    ("POST", "/credentials/keys", "", [Nothing, It, It]),
    ("GET", "/getX509?user=carol&keyValue=carol&code=x", "", [Nothing, Nothing, Nothing]),
    ("GET", "/users", "", [Login, Nothing, It]),
    ("POST", "/users", "user=dave", [Nothing, Nothing, It]),
    ("GET", "/users/carol", "", [Login, Nothing, It]),
    ("POST", "/users/carol", "full-name=C&email=c%40y.z", [Nothing, Nothing, It]),
    ("GET", "/users/carol/disable", "", [Login, Nothing, It]),
    ("POST", "/users/carol/disable", "", [Nothing, Nothing, It]),
    ("POST", "/users/carol/enable", "", [Nothing, Nothing, It]),
    ("GET", "/configuration", "", [Login, Nothing, It]),
    (
        "POST",
        "/configuration/cloud",
        "walrus-url=http://192.0.2.1:8773/services/Walrus",
        [Nothing, Nothing, It],
    ),
    ("POST", "/configuration/clusters", "cluster=c&endpoint=h", [Nothing, Nothing, It]),
    ("GET", "/configuration/clusters/c", "", [Login, Nothing, It]),
    ("POST", "/configuration/clusters/c", "", [Nothing, Nothing, It]),
    ("POST", "/configuration/vm-types", "", [Nothing, Nothing, It]),
    ("GET", "/htmx.js", "", [It, It, It]),
    ("GET", "/instances", "", [Login, It, It]),
    ("GET", "/instances/rows", "", [Login, It, It]),
    ("GET", "/instances/new", "", [Login, It, It]),
    ("POST", "/instances/new", "image=emi-12345678&count=1", [Nothing, It, It]),
    ("GET", "/instances/i-12345678", "", [Login, Absent, Absent]),
    ("GET", "/instances/i-12345678/console", "", [Login, Absent, Absent]),
    ("GET", "/instances/i-12345678/terminate", "", [Login, Absent, Absent]),
    ("POST", "/instances/i-12345678/terminate", "", [Nothing, Absent, Absent]),
    ("GET", "/images", "", [Login, It, It]),
    ("GET", "/key-pairs", "", [Login, It, It]),
    ("POST", "/key-pairs", "new-name=", [Nothing, It, It]),
    ("POST", "/key-pairs/import", "name=a&public-key=b", [Nothing, It, It]),
    ("GET", "/key-pairs/key-1/delete", "", [Login, It, It]),
    ("POST", "/key-pairs/key-1/delete", "", [Nothing, It, It]),
    ("GET", "/log", "", [Login, It, It]),
    ("GET", "/extras", "", [Login, It, It]),
    ("POST", "/logout", "", [Nothing, It, It]),
];

async fn ask(browser: &mut Browser, method: &str, path: &str, form: &str) -> Gets {
    let same = [("sec-fetch-site", "same-origin")];
    let method: Method = method.parse().unwrap();
    let is_post = method == Method::POST;
    let status = browser.send(method, path, &same, form.to_owned()).await;
    let to = browser.headers.get("location").map(|to| to.to_str().unwrap().to_owned());
    match (status, to) {
        // who is not logged in is sent to the login by a POST, too, and nothing is done
        (_, Some(to)) if to == "/login" && is_post => Nothing,
        (_, Some(to)) if to.starts_with("/login") && !to.contains("said=") => Login,
        (StatusCode::FORBIDDEN, _) => Nothing,
        (StatusCode::NOT_FOUND, _) => Absent,
        (StatusCode::OK | StatusCode::SEE_OTHER | StatusCode::UNPROCESSABLE_ENTITY, _) => It,
        (status, to) => panic!("{path}: {status} {to:?} {}", browser.page),
    }
}

#[tokio::test]
async fn every_route_answers_those_whom_it_is_for() {
    let world = World::set_up().await;
    world.user("carol", "christmas").await;
    let mut browsers = [world.browser(), world.user("bob", "builder").await, world.admin().await];
    for (method, path, form, expected) in ROUTES {
        for (browser, expected) in browsers.iter_mut().zip(expected) {
            let session = browser.cookie.clone();
            let token = if session.is_some() {
                browser.get("/credentials").await;
                browser.token()
            } else {
                String::new()
            };
            let start = match *path {
                "/" => browser.get("/").await.is_success().then(|| browser.path.clone()),
                _ => None,
            };
            if let Some(start) = start {
                let login = start.starts_with("/login");
                assert_eq!(if login { Login } else { It }, *expected, "/");
                continue;
            }
            let form =
                if *method == "POST" { format!("{form}&token={token}") } else { String::new() };
            let gets = ask(browser, method, path, &form).await;
            assert_eq!(gets, *expected, "{method} {path} with {session:?}");
            if *path == "/logout" {
                return;
            }
        }
    }
}

#[tokio::test]
async fn no_form_of_a_session_is_taken_without_its_token() {
    let world = World::set_up().await;
    world.user("carol", "christmas").await;
    let mut admin = world.admin().await;
    let mut other = world.user("bob", "builder").await;
    other.get("/credentials").await;
    let foreign = other.token();
    for (method, path, form, gets) in ROUTES {
        if *method != "POST" || !matches!(gets[2], It | Absent) {
            continue;
        }
        for token in ["", "x", &foreign] {
            let body = format!("{form}&token={token}");
            admin.send(Method::POST, path, &[("sec-fetch-site", "same-origin")], body).await;
            assert_eq!(admin.status, StatusCode::FORBIDDEN, "{path} with token {token:?}");
        }
    }
    assert_eq!(admin.get("/users").await, StatusCode::OK, "not even logged out");
}

#[tokio::test]
async fn pages_of_other_sites_change_nothing() {
    let world = World::set_up().await;
    let mut admin = world.admin().await;
    admin.get("/credentials").await;
    let body = encoded(&[("token".into(), admin.token())]);
    for (headers, taken) in [
        (vec![("sec-fetch-site", "cross-site")], false),
        (vec![("sec-fetch-site", "same-site")], false),
        (vec![("origin", "https://evil.example")], false),
        (vec![("origin", "null")], false),
        (vec![("origin", "https://192.0.2.1:8443")], true),
        (vec![("sec-fetch-site", "same-origin"), ("origin", "https://192.0.2.1:8443")], true),
    ] {
        let path = "/credentials/link";
        admin.send(Method::POST, path, &headers, body.clone()).await;
        let expected = if taken { StatusCode::OK } else { StatusCode::FORBIDDEN };
        assert_eq!(admin.status, expected, "{headers:?}");
    }
}

#[tokio::test]
async fn every_answer_says_what_a_browser_may_do_with_it() {
    let world = World::set_up().await;
    let mut browser = world.browser();
    for path in ["/login", "/nothing", "/console.css"] {
        browser.get(path).await;
        let csp = browser.headers["content-security-policy"].to_str().unwrap();
        assert!(csp.contains("default-src 'none'") && csp.contains("frame-ancestors 'none'"));
        assert!(!csp.contains("unsafe"));
        assert_eq!(browser.headers["x-content-type-options"], "nosniff");
        assert_eq!(browser.headers["referrer-policy"], "no-referrer");
    }
    browser.get("/login").await;
    assert_eq!(browser.headers["cache-control"], "no-store");
    for inline in ["<script>", " style=", " onclick", "javascript:"] {
        assert!(!browser.page.contains(inline));
    }
}

#[tokio::test]
async fn without_tls_one_is_led_to_it() {
    let world = World::set_up().await;
    let peer = transport::Peer { address: "192.0.2.9:1234".parse().unwrap(), tls: false };
    let request = http::Request::get("/login?then=%2Fusers").extension(peer);
    let request = request.body(axum::body::Body::empty()).unwrap();
    let answer = tower::ServiceExt::oneshot(world.console.router(), request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::PERMANENT_REDIRECT);
    assert_eq!(answer.headers()["location"], "https://192.0.2.1:8443/login?then=%2Fusers");
}

#[tokio::test]
async fn bodies_have_a_limit() {
    let world = World::set_up().await;
    let mut browser = world.browser();
    let body = format!("user={}", "x".repeat(70_000));
    browser.send(Method::POST, "/login", &[], body).await;
    assert_eq!(browser.status, StatusCode::PAYLOAD_TOO_LARGE);
}
