use tokio::net::TcpListener;

use super::*;

#[test]
fn addresses_are_read() {
    let table = [
        ("http://127.0.0.1:8080/a/b?c=d", Some(("127.0.0.1:8080", "/a/b?c=d"))),
        ("http://127.122.122.3/x", Some(("127.122.122.3:80", "/x"))),
        ("http://127.0.0.1:1", Some(("127.0.0.1:1", "/"))),
        ("http://boss.local/x", None),
        ("https://127.0.0.1/x", None),
        ("http://127.0.0.1/a b", None),
        ("http://127.0.0.1/a\r\nHost: x", None),
        ("x", None),
    ];
    for (text, expected) in table {
        let expected =
            expected.map(|(address, path)| Url { address: address.parse().unwrap(), path: path.into() });
        assert_eq!(Url::parse(text).ok(), expected, "{text}");
    }
}

#[test]
fn heads_are_read_strictly() {
    let head = |text: &str| parse_head(text.as_bytes());
    let good = "HTTP/1.1 200 OK\r\nServer: x\r\ncontent-LENGTH: 12\r\n\r\n";
    assert_eq!(head(good), Ok(Some(Head { status: 200, length: 12, size: good.len() })));
    assert_eq!(head(&good[..good.len() - 1]), Ok(None), "the last byte is missing");
    assert_eq!(head("HTTP/1.1 204 No Content\r\n\r\n").unwrap().unwrap().length, 0);
    assert_eq!(head("HTTP/1.1 200 OK\r\n\r\n"), Err(HeadError::NoLength));
    assert_eq!(head("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), Err(HeadError::Length("-1".into())));
    assert!(matches!(head("SSH-2.0-x\r\n\r\n"), Err(HeadError::FirstLine(_))));
    assert!(matches!(head("HTTP/1.1 20 OK\r\n\r\n"), Err(HeadError::FirstLine(_))));
    assert_eq!(parse_head(&vec![b'x'; LONGEST_HEAD + 1]), Err(HeadError::TooLong));
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(noise: Vec<u8>, text: String) {
        let _ = parse_head(&noise);
        let _ = parse_head(&[b"HTTP/1.1 ", noise.as_slice(), b"\r\n\r\n"].concat());
        let _ = Url::parse(&text);
        let _ = Url::parse(&format!("http://{text}"));
    }
}

/// Answers one request with `answer`, and hands over what was asked.
async fn one_answer(answer: Vec<u8>) -> (String, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/f", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = vec![0u8; 4096];
        let count = stream.read(&mut asked).await.unwrap();
        // A client that wants half of it closes in the middle.
        let _ = stream.write_all(&answer).await;
        String::from_utf8(asked[..count].to_vec()).unwrap()
    });
    (url, server)
}

fn client() -> Client {
    let pace = Pace::new(100.0);
    let lane = Lane::clear(crate::machine::lane::Protocol::Http, pace);
    Client { source: Ipv4Addr::new(127, 122, 122, 11), agent: "test", pace, lane }
}

#[tokio::test]
async fn a_text_is_fetched_from_the_machines_own_address() {
    let (url, server) =
        one_answer(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more".to_vec()).await;
    let answer = client().get(&url, Keep::Text).await.unwrap();
    assert_eq!(answer, Answer { bytes: 5, text: b"hello".to_vec() });
    let host = url.strip_prefix("http://").unwrap().strip_suffix("/f").unwrap().to_owned();
    let asked = server.await.unwrap();
    assert_eq!(
        asked,
        format!("GET /f HTTP/1.1\r\nHost: {host}\r\nUser-Agent: test\r\nConnection: close\r\n\r\n")
    );
}

#[tokio::test]
async fn a_body_cut_short_is_a_failure() {
    for keep in [Keep::Text, Keep::Count] {
        let (url, _server) = one_answer(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello".to_vec()).await;
        let error = client().get(&url, keep).await.unwrap_err();
        assert_eq!(error.to_string(), "/f was cut short: 5 of 9 bytes came");
    }
}

#[tokio::test]
async fn half_of_a_body_is_taken_for_the_whole_when_told_so() {
    let mut answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n".to_vec();
    answer.resize(answer.len() + 1_000_000, b'x');
    let (url, _server) = one_answer(answer.clone()).await;
    assert_eq!(client().get(&url, Keep::Half).await.unwrap().bytes, 500_000);
    let (url, _server) = one_answer(answer).await;
    assert_eq!(client().get(&url, Keep::Count).await.unwrap(), Answer { bytes: 1_000_000, text: Vec::new() });
}

#[tokio::test]
async fn refusals_and_missing_servers_are_named() {
    let (url, _server) = one_answer(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec()).await;
    let error = client().post(&url, "{}").await.unwrap_err();
    assert_eq!(error.to_string(), "/f was answered with status 404");
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = client().get(&format!("http://{free}/"), Keep::Text).await.unwrap_err();
    assert!(matches!(error, HttpError::Connect { .. }), "{error:?}");
    let error = client().get("http://192.168.122.3/", Keep::Text).await.unwrap_err();
    assert!(matches!(error, HttpError::Connect { source: SocketError::Outside(_), .. }), "{error:?}");
}
