// Answers to requests that get no stream, and how long they are cached.

sub yes BOOL {
  return true;
}

describe answers_of_the_origin_that_are_no_stream {
  // @scope: fetch
  // @suite: a 503 is kept for a second
  sub test_fetch_503 {
    set req.url = "/sse/environments/demo/stream";
    set beresp.status = 503;
    set beresp.http.Content-Type = "application/json";
    set beresp.http.Vary = "Origin";
    set beresp.cacheable = false;
    set beresp.ttl = 120s;
    set beresp.grace = 60s;
    set beresp.stale_if_error = 60s;
    set beresp.stale_while_revalidate = 60s;
    testing.call_subroutine("vcl_fetch");
    assert.state(DELIVER);
    assert.true(beresp.cacheable);
    assert.equal(beresp.ttl, 1s);
    assert.equal(beresp.grace, 0s);
    assert.equal(beresp.stale_if_error, 0s);
    assert.equal(beresp.stale_while_revalidate, 0s);
    assert.is_notset(beresp.http.Vary);
  }

  // @scope: fetch
  // @suite: an error that claims to be a stream is an error
  sub test_fetch_500 {
    set req.url = "/sse/environments/demo/stream";
    set beresp.status = 500;
    set beresp.http.Content-Type = "text/event-stream";
    set beresp.ttl = 120s;
    testing.call_subroutine("vcl_fetch");
    assert.equal(beresp.ttl, 1s);
    assert.equal(beresp.status, 500);
  }

  // @scope: fetch
  // @suite: a page is a failure
  sub test_fetch_page {
    set req.url = "/sse/environments/demo/stream";
    set beresp.status = 200;
    set beresp.http.Content-Type = "text/html";
    set beresp.ttl = 120s;
    testing.call_subroutine("vcl_fetch");
    assert.equal(beresp.ttl, 1s);
    assert.equal(beresp.status, 502);
  }
}

describe a_failure_on_its_way_to_a_client {
  // @scope: deliver
  // @suite: is replaced
  sub test_deliver_kept {
    set resp.status = 503;
    testing.call_subroutine("vcl_deliver");
    assert.restart();
  }

  // @scope: deliver
  // @suite: is delivered once it was
  sub test_deliver_synthetic {
    set resp.status = 503;
    set resp.http.Jackstaff-Answer = "synthetic";
    testing.call_subroutine("vcl_deliver");
    assert.not_restart();
    assert.state(DELIVER);
    assert.is_notset(resp.http.Jackstaff-Answer);
    assert.equal(resp.http.Access-Control-Allow-Origin, "*");
  }
}

// @scope: deliver
// @suite: no request is restarted twice
sub test_deliver_restarted {
  testing.mock("state_is_restarted", "yes");
  set resp.status = 503;
  testing.call_subroutine("vcl_deliver");
  assert.not_restart();
  assert.state(DELIVER);
}

// @scope: recv
// @suite: a restart fetches nothing
sub test_recv_restarted {
  testing.mock("state_is_restarted", "yes");
  set req.method = "GET";
  set req.url = "/sse/environments/demo/stream";
  testing.call_subroutine("vcl_recv");
  assert.error(653);
}

describe answers_of_our_own {
  // @scope: error
  // @suite: no stream
  sub test_error_no_stream {
    set obj.status = 653;
    testing.call_subroutine("vcl_error");
    assert.equal(obj.status, 503);
    assert.equal(obj.response, "Service Unavailable");
    assert.equal(obj.http.Retry-After, "1");
    assert.equal(obj.http.Content-Type, "text/event-stream; charset=utf-8");
    assert.equal(testing.synthetic_body, "data: unavailable" LF LF);
    assert.state(DELIVER);
  }

  // @scope: error
  // @suite: no origin
  sub test_error_platform {
    set obj.status = 503;
    set obj.response = "first byte timeout";
    testing.call_subroutine("vcl_error");
    assert.equal(obj.status, 503);
    assert.equal(obj.response, "Service Unavailable");
    assert.equal(testing.synthetic_body, "data: unavailable" LF LF);
  }

  // @scope: error
  // @suite: no such path
  sub test_error_path {
    set obj.status = 604;
    testing.call_subroutine("vcl_error");
    assert.equal(obj.status, 404);
    assert.equal(testing.synthetic_body, "data: unavailable" LF LF);
  }

  // @scope: error
  // @suite: no such method
  sub test_error_method {
    set obj.status = 605;
    testing.call_subroutine("vcl_error");
    assert.equal(obj.status, 405);
    assert.equal(obj.http.Allow, "GET, OPTIONS");
    assert.equal(testing.synthetic_body, "data: unavailable" LF LF);
  }
}
