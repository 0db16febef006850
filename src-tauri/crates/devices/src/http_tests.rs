//! Against a web server written here: who we are, bounds, deadlines, and the words for each.

use md5::Digest as _;
use tokio::net::TcpListener;

use super::*;
use crate::fake::{Fake, Kept, answer, json};

fn client(url: &str) -> Client {
    Client::new(url, Pin::First(Arc::new(Kept::default()))).unwrap()
}

fn secret(text: &str) -> Secret {
    Secret::new(text)
}

#[test]
fn an_address_that_cannot_be_called_is_said_before_anything_is_called() {
    for (url, why) in [
        ("", "relative"),
        ("10.0.0.5", "relative"),
        ("ftp://10.0.0.5", "http://"),
        ("http://", "empty host"),
        ("http://admin:hunter2@10.0.0.5", "`secret`"),
    ] {
        let error = Client::new(url, Pin::First(Arc::new(Kept::default()))).unwrap_err().to_string();
        assert!(error.contains(why), "{url}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn who_we_are_is_told_as_the_device_wants_it() {
    let fake = Fake::start(|_| json("{}")).await;
    client(&fake.url()).auth(Auth::Basic("Aladdin".into(), secret("open sesame"))).get("/a").await.unwrap();
    client(&fake.url()).auth(Auth::Bearer(secret("t0ken"))).get("/b?c=d%20e").await.unwrap();
    client(&fake.url()).form("/login", &[("user", "a b"), ("password", "x&y=ü")]).await.unwrap();
    let heard = fake.heard();
    // The example of RFC 7617, section 2.
    assert_eq!(heard[0].header("authorization"), Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
    assert_eq!(heard[1].header("authorization"), Some("Bearer t0ken"));
    assert_eq!(heard[1].line, "GET /b?c=d%20e");
    assert_eq!(
        (heard[2].line.as_str(), heard[2].body.as_str()),
        ("POST /login", "user=a+b&password=x%26y%3D%C3%BC")
    );
    assert_eq!(heard[2].header("content-type"), Some("application/x-www-form-urlencoded"));
}

fn field<'a>(line: &'a str, name: &str) -> &'a str {
    let from = line.find(&format!("{name}=")).map(|at| at + name.len() + 1).unwrap();
    line[from..].split(',').next().unwrap().trim_matches('"')
}

#[tokio::test]
async fn a_digest_is_what_rfc_7616_says_with_either_hash() {
    let sha = |text: String| hex::encode(sha2::Sha256::digest(text));
    let md5 = |text: String| hex::encode(md5::Md5::digest(text));
    for (named, algorithm, hash) in [
        (", algorithm=SHA-256", "SHA-256", &sha as &dyn Fn(String) -> String),
        (", algorithm=MD5", "MD5", &md5),
        ("", "MD5", &md5),
    ] {
        let challenge =
            format!("WWW-Authenticate: Digest qop=\"auth\", realm=\"plug\", nonce=\"60dc2c69\"{named}");
        let fake = Fake::start(move |heard| match heard.header("authorization") {
            None => answer("401 Unauthorized", &[&challenge], ""),
            Some(_) => json("{\"output\":true}"),
        })
        .await;
        let client = client(&fake.url()).auth(Auth::Digest("admin".into(), secret("correct horse")));
        let answer = client.get("/rpc/Switch.GetStatus?id=0").await.unwrap();
        assert_eq!((answer.status, answer.text().as_str()), (200, "{\"output\":true}"));
        let heard = fake.heard();
        let line = heard[1].header("authorization").unwrap();
        let ha1 = hash("admin:plug:correct horse".into());
        let ha2 = hash("GET:/rpc/Switch.GetStatus?id=0".into());
        let (cnonce, nc) = (field(line, "cnonce"), field(line, "nc"));
        let expected = hash(format!("{ha1}:60dc2c69:{nc}:{cnonce}:auth:{ha2}"));
        assert_eq!(line.matches("response=").count(), 1);
        assert_eq!(field(line, " response"), expected, "{algorithm}: {line}");
    }
}

#[tokio::test]
async fn a_digest_password_is_not_told_to_a_device_that_asks_in_clear() {
    let fake =
        Fake::start(|_| answer("401 Unauthorized", &["WWW-Authenticate: Basic realm=\"plug\""], "")).await;
    let client = client(&fake.url()).auth(Auth::Digest("admin".into(), secret("correct horse")));
    assert_eq!(client.get("/").await.unwrap().status, 401);
    assert!(fake.heard().iter().all(|heard| heard.header("authorization").is_none()));
    assert_eq!(fake.heard().len(), 1);
}

#[tokio::test]
async fn long_answers_are_cut_off_and_redirects_are_not_followed() {
    let fake = Fake::start(|heard| match heard.line.as_str() {
        "GET /fits" => json(&"x".repeat(BODY_LIMIT)),
        "GET /long" => json(&"x".repeat(BODY_LIMIT + 1)),
        // Says nothing of its length, and never stops.
        "GET /endless" => format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(4_000_000)),
        _ => answer("302 Found", &["Location: http://127.0.0.1:9/stolen"], ""),
    })
    .await;
    let client = client(&fake.url());
    assert_eq!(client.get("/fits").await.unwrap().body.len(), BODY_LIMIT);
    for path in ["/long", "/endless"] {
        let fault = client.get(path).await.unwrap_err();
        assert_eq!(fault, HttpFault::TooLong { host: client.host().to_owned(), limit: BODY_LIMIT }, "{path}");
    }
    let moved = client.get("/moved").await.unwrap();
    assert_eq!((moved.status, moved.ok()), (302, false));
    assert_eq!(moved.header("location"), Some("http://127.0.0.1:9/stolen"));
}

#[tokio::test]
async fn a_path_cannot_lead_to_another_host() {
    let fake = Fake::start(|_| json("{}")).await;
    let client = client(&fake.url());
    for path in ["@127.0.0.1:9/", "0/", ".example/"] {
        assert!(client.get(path).await.is_err(), "{path}");
    }
    assert_eq!(fake.lines(), [""; 0]);
}

/// Takes connections and says nothing.
#[tokio::test(start_paused = true)]
async fn a_device_that_says_nothing_is_given_up_after_five_seconds() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(&format!("http://{}", listener.local_addr().unwrap()));
    let before = tokio::time::Instant::now();
    let fault = client.get("/").await.unwrap_err();
    assert_eq!(fault, HttpFault::Silent { host: client.host().to_owned(), within: DEADLINE });
    assert_eq!(before.elapsed().as_secs(), 5);
    assert!(fault.port_error("read plug").absent);
}

#[tokio::test]
async fn a_closed_port_is_unreachable_and_a_password_in_the_query_is_never_shown() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = client(&format!("http://{address}")).get("/cm?password=hunter2").await.unwrap_err();
    let said = error.port_error("read plug");
    assert!(said.absent && said.why.contains("refused"), "{said:?}");
    assert!(!format!("{error:?} {said:?}").contains("hunter2"));
}

/// Takes the request and hangs up.
#[tokio::test]
async fn a_device_that_vanishes_in_mid_answer_is_gone_and_not_wrong() {
    for reply in ["", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"half\":"] {
        let fake = Fake::start(move |_| reply.to_owned()).await;
        let fault = client(&fake.url()).get("/").await.unwrap_err();
        assert!(matches!(fault, HttpFault::Unreachable { .. }), "{reply:?}: {fault}");
    }
    let fake = Fake::start(|_| "OpenSSH, I am\r\n\r\n".to_owned()).await;
    let fault = client(&fake.url()).get("/").await.unwrap_err();
    assert!(matches!(fault, HttpFault::NotHttp { .. }), "{fault}");
}

#[tokio::test]
async fn a_page_where_data_was_expected_is_told_as_such() {
    let page = "\n<!DOCTYPE html><html><head><TITLE> Router login </TITLE></head><body>…</body></html>";
    let fake = Fake::start(move |heard| match heard.line.as_str() {
        "GET /page" => answer("200 OK", &[], page),
        "GET /kind" => answer("200 OK", &["Content-Type: text/html; charset=utf-8"], "please log in"),
        _ => answer("200 OK", &[], "ON, I think"),
    })
    .await;
    let client = client(&fake.url());
    let said = client.get("/page").await.unwrap().json().unwrap_err().port_error("read plug");
    assert!(said.why.contains("a web page") && said.why.contains("\"Router login\""), "{}", said.why);
    assert!(matches!(client.get("/kind").await.unwrap().json(), Err(HttpFault::Page { title: None, .. })));
    let said = client.get("/else").await.unwrap().json().unwrap_err().to_string();
    assert!(said.contains("no JSON: \"ON, I think\""), "{said}");
}

proptest::proptest! {
    #[test]
    fn no_body_is_too_strange(body: Vec<u8>, tag in "(<TITLE[^>]{0,3}>?[<é/a-z]{0,9}(</title>)?)?") {
        let body = [tag.into_bytes(), body].concat();
        let answer = Answer { status: 200, headers: HeaderMap::new(), body, host: "plug:80".into() };
        let _ = (answer.json(), answer.login_page());
    }
}
