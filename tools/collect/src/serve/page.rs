//! The page of `--page`: files that are part of the program. They hold no data, so that they need no token.
//!
//! A browser may load nothing but these, and ask nobody but this service. Texts are put into the page as
//! text, never as HTML.

use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use super::route::{Answers, whole};

/// What a browser may do for the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The files: where they are, what they are, and what is in them.
const FILES: [(&str, &str, &str); 5] = [
    (
        "/",
        "text/html; charset=utf-8",
        include_str!("page/index.html"),
    ),
    (
        "/page.css",
        "text/css; charset=utf-8",
        include_str!("page/page.css"),
    ),
    (
        "/page.js",
        "text/javascript; charset=utf-8",
        include_str!("page/page.js"),
    ),
    (
        "/draw.js",
        "text/javascript; charset=utf-8",
        include_str!("page/draw.js"),
    ),
    (
        "/live.js",
        "text/javascript; charset=utf-8",
        include_str!("page/live.js"),
    ),
];

/// The file that a request wants, if it is one of them.
pub(super) fn file<B>(request: &Request<B>) -> Option<Response<Answers>> {
    if !matches!(request.method(), &Method::GET | &Method::HEAD) {
        return None;
    }
    let mut files = FILES.iter();
    let (_, media_type, text) = files.find(|(path, ..)| *path == request.uri().path())?;
    let mut response = whole(
        StatusCode::OK,
        media_type,
        Bytes::from_static(text.as_bytes()),
    );
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    // Another version of the program has others.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Some(response)
}
