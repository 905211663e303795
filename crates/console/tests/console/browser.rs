//! What a browser does: it keeps the cookie, follows redirects, and sends the forms of pages.

use axum::Router;
use axum::body::{Body, to_bytes};
use http::{HeaderMap, Method, Request, StatusCode, header};
use tower::ServiceExt;

pub(crate) struct Browser {
    router: Router,
    pub(crate) cookie: Option<String>,
    /// Where it is.
    pub(crate) path: String,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) page: String,
    pub(crate) bytes: Vec<u8>,
}

impl Browser {
    pub(crate) fn new(router: Router) -> Self {
        Self {
            router,
            cookie: None,
            path: "/".into(),
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            page: String::new(),
            bytes: Vec::new(),
        }
    }

    /// Looks at a page.
    pub(crate) async fn get(&mut self, path: &str) -> StatusCode {
        self.send(Method::GET, path, &[("sec-fetch-site", "none")], String::new()).await;
        self.follow().await
    }

    /// One request, whatever it says, and no redirect is followed.
    pub(crate) async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> StatusCode {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header(header::HOST, "192.0.2.1:8443");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, cookie);
        }
        let request = request.body(Body::from(body)).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        self.status = response.status();
        self.headers = response.headers().clone();
        path.clone_into(&mut self.path);
        for cookie in self.headers.get_all(header::SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            self.cookie = (!pair.ends_with('=')).then(|| pair.to_owned());
        }
        self.bytes = to_bytes(response.into_body(), 1 << 24).await.unwrap().to_vec();
        self.page = String::from_utf8_lossy(&self.bytes).into_owned();
        self.status
    }

    async fn follow(&mut self) -> StatusCode {
        for _ in 0..5 {
            let Some(to) = self.headers.get(header::LOCATION) else { return self.status };
            let to = to.to_str().unwrap().to_owned();
            let same = [("sec-fetch-site", "same-origin")];
            self.send(Method::GET, &to, &same, String::new()).await;
        }
        panic!("redirects without end at {}", self.path)
    }

    /// Fills in the last form of the page and sends it.
    pub(crate) async fn fill(&mut self, fields: &[(&str, &str)]) -> StatusCode {
        let action = self.page.rfind("<form").map(|at| attribute(&self.page[at..], "action"));
        let action = action.unwrap_or_else(|| panic!("no form on {}", self.page));
        self.fill_at(&action, fields).await
    }

    /// Fills in the page's form that is sent to this address, and sends it.
    pub(crate) async fn fill_at(&mut self, action: &str, fields: &[(&str, &str)]) -> StatusCode {
        let form = self.form(action);
        let mut all = hidden(&form);
        for (name, value) in fields {
            assert!(form.contains(&format!("name=\"{name}\"")), "no field {name} in {form}");
            all.push(((*name).to_owned(), (*value).to_owned()));
        }
        let body = encoded(&all);
        self.post(action, body).await
    }

    /// Sends a form's body from a page of the console.
    pub(crate) async fn post(&mut self, path: &str, body: String) -> StatusCode {
        self.send(Method::POST, path, &[("sec-fetch-site", "same-origin")], body).await;
        self.follow().await
    }

    fn form(&self, action: &str) -> String {
        let start = format!("<form method=\"post\" action=\"{action}\"");
        let at = self.page.find(&start).unwrap_or_else(|| panic!("no {start} on {}", self.page));
        let end = self.page[at..].find("</form>").unwrap();
        self.page[at..at + end].to_owned()
    }

    /// The token of the page's forms.
    pub(crate) fn token(&self) -> String {
        let at = self.page.find("name=\"token\"").unwrap();
        attribute(&self.page[at..], "value")
    }

    pub(crate) async fn log_in(&mut self, user: &str, password: &str) -> StatusCode {
        self.get("/login").await;
        self.fill(&[("user", user), ("password", password)]).await
    }
}

pub(crate) fn encoded(fields: &[(String, String)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// The first attribute of this name, with its entities decoded.
fn attribute(text: &str, name: &str) -> String {
    let (_, rest) = text.split_once(&format!("{name}=\"")).unwrap();
    let (value, _) = rest.split_once('"').unwrap();
    value.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

fn hidden(form: &str) -> Vec<(String, String)> {
    let inputs = form.split("<input ").skip(1).filter(|input| input.contains("type=\"hidden\""));
    inputs.map(|input| (attribute(input, "name"), attribute(input, "value"))).collect()
}
