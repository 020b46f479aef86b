// Requests that are the same stream.

describe every_way_to_ask_for_a_stream {
  before_recv {
    set req.method = "GET";
    set req.http.Host = "a.example.com";
    unset req.http.Expected;
  }

  // @scope: recv
  // @suite: as SDKs ask
  sub test_recv_plain {
    set req.url = "/sse/environments/AbC_12.3:4-5/stream";
    testing.call_subroutine("vcl_recv");
    assert.equal(req.url, "/sse/environments/AbC_12.3:4-5/stream");
    assert.state(LOOKUP);
  }

  // @scope: recv
  // @suite: query strings do not matter
  sub test_recv_query {
    set req.url = "/sse/environments/demo/stream?lastEventId=7&x=/sse/environments/other/stream";
    testing.call_subroutine("vcl_recv");
    assert.equal(req.url, "/sse/environments/demo/stream");
    assert.state(LOOKUP);
  }

  // @scope: recv
  // @suite: slashes do not matter
  sub test_recv_slashes {
    set req.url = "/sse//environments//demo/stream//?";
    testing.call_subroutine("vcl_recv");
    assert.equal(req.url, "/sse/environments/demo/stream");
    assert.state(LOOKUP);
  }

  // @scope: recv
  // @suite: headers about the client do not matter
  sub test_recv_headers {
    set req.url = "/sse/environments/demo/stream";
    set req.http.Accept = "application/json, text/event-stream";
    set req.http.Accept-Encoding = "gzip, br";
    set req.http.Accept-Language = "de";
    set req.http.Authorization = "Bearer x";
    set req.http.Cache-Control = "no-cache";
    set req.http.Cookie = "a=b";
    set req.http.If-Modified-Since = "Mon, 02 Mar 2026 11:22:33 GMT";
    set req.http.If-None-Match = "x";
    set req.http.Last-Event-ID = "7";
    set req.http.Range = "bytes=0-1";
    set req.http.X-Environment-Key = "demo";
    set req.http.Fastly-No-Shield = "1";
    set req.http.Fastly-Force-Shield = "1";
    testing.call_subroutine("vcl_recv");
    assert.state(LOOKUP);
    assert.equal(req.http.Accept, "text/event-stream");
    assert.is_notset(req.http.Accept-Encoding);
    assert.is_notset(req.http.Accept-Language);
    assert.is_notset(req.http.Authorization);
    assert.is_notset(req.http.Cache-Control);
    assert.is_notset(req.http.Cookie);
    assert.is_notset(req.http.If-Modified-Since);
    assert.is_notset(req.http.If-None-Match);
    assert.is_notset(req.http.Last-Event-ID);
    assert.is_notset(req.http.Range);
    assert.is_notset(req.http.X-Environment-Key);
    assert.is_notset(req.http.Fastly-No-Shield);
    assert.is_notset(req.http.Fastly-Force-Shield);
  }
}

describe keys_that_open_nothing {
  // @scope: recv
  // @suite: a server-side key is held
  sub test_recv_server_side {
    set req.method = "GET";
    set req.url = "/sse/environments/ser.abc/stream";
    testing.call_subroutine("vcl_recv");
    assert.equal(req.url, "/sse/environments/jackstaff:silent/stream");
    assert.state(LOOKUP);
  }

  // @scope: recv
  // @suite: a key with other characters is held
  sub test_recv_characters {
    set req.method = "GET";
    set req.url = "/sse/environments/a%20b/stream";
    testing.call_subroutine("vcl_recv");
    assert.equal(req.url, "/sse/environments/jackstaff:silent/stream");
    assert.state(LOOKUP);
  }

  // @scope: recv
  // @suite: a key that begins with a dot is held
  sub test_recv_dot {
    set req.method = "GET";
    set req.url = "/sse/environments/../stream";
    testing.call_subroutine("vcl_recv");
    assert.equal(req.url, "/sse/environments/jackstaff:silent/stream");
  }

  // @scope: recv
  // @suite: a key of 256 characters is one, a longer one is held
  sub test_recv_long {
    declare local var.sixteen STRING;
    declare local var.all STRING;
    set var.sixteen = "0123456789abcdef";
    set var.all = var.sixteen var.sixteen var.sixteen var.sixteen;
    set var.all = var.all var.all var.all var.all;
    set req.method = "GET";
    set req.url = "/sse/environments/" var.all "/stream";
    testing.call_subroutine("vcl_recv");
    assert.equal(req.url, "/sse/environments/" var.all "/stream");
    set req.url = "/sse/environments/" var.all "0/stream";
    testing.call_subroutine("vcl_recv");
    assert.equal(req.url, "/sse/environments/jackstaff:silent/stream");
  }
}

describe what_is_no_stream {
  // @scope: recv
  // @suite: announcements are not for this way
  sub test_recv_queue_change {
    set req.method = "POST";
    set req.url = "/sse/environments/demo/queue-change";
    testing.call_subroutine("vcl_recv");
    assert.error(604);
  }

  // @scope: recv
  // @suite: nor are metrics
  sub test_recv_metrics {
    set req.method = "GET";
    set req.url = "/metrics";
    testing.call_subroutine("vcl_recv");
    assert.error(604);
  }

  // @scope: recv
  // @suite: nor is a stream without a key
  sub test_recv_no_key {
    set req.method = "GET";
    set req.url = "/sse/environments//stream";
    testing.call_subroutine("vcl_recv");
    assert.error(604);
  }

  // @scope: recv
  // @suite: another method than GET
  sub test_recv_post {
    set req.method = "POST";
    set req.url = "/sse/environments/demo/stream";
    testing.call_subroutine("vcl_recv");
    assert.error(605);
  }

  // @scope: recv
  // @suite: purging a stream takes a token
  sub test_recv_purge {
    set req.method = "FASTLYPURGE";
    set req.url = "/sse/environments/demo/stream?x";
    testing.call_subroutine("vcl_recv");
    assert.equal(req.http.Fastly-Purge-Requires-Auth, "1");
    assert.equal(req.url, "/sse/environments/demo/stream");
    assert.state(LOOKUP);
  }
}

// @scope: hash
// @suite: streams differ by their URL alone
sub test_hash {
  set req.url = "/sse/environments/demo/stream";
  set req.http.Host = "a.example.com";
  testing.call_subroutine("vcl_hash");
  assert.equal(req.hash, digest.hash_sha256("/sse/environments/demo/stream"));
  assert.state(HASH);
}
