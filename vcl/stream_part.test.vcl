// How long a part can be joined, and in which form it is cached and passed on.

sub no BOOL {
  return false;
}

describe a_part_that_begins {
  before_fetch {
    set req.url = "/sse/environments/demo/stream";
    set beresp.status = 200;
    set beresp.http.Content-Type = "text/event-stream";
    set beresp.http.Cache-Control = "public, max-age=15, no-transform";
    unset beresp.http.Age;
    set beresp.ttl = 15s;
    set beresp.cacheable = false;
    set beresp.do_stream = false;
    set beresp.gzip = true;
    set beresp.grace = 60s;
    set beresp.stale_if_error = 60s;
    set beresp.stale_while_revalidate = 60s;
  }

  // @scope: fetch
  // @suite: is handed on as it comes, and kept for as long as the origin says
  sub test_fetch_plain {
    set beresp.http.Set-Cookie = "a=b";
    set beresp.http.Vary = "Origin, Accept-Encoding";
    set beresp.http.Expires = "Mon, 02 Mar 2026 11:22:33 GMT";
    set beresp.http.Surrogate-Control = "max-age=15";
    testing.call_subroutine("vcl_fetch");
    assert.state(DELIVER);
    assert.equal(beresp.ttl, 15s);
    assert.true(beresp.cacheable);
    assert.true(beresp.do_stream);
    assert.false(beresp.gzip);
    assert.false(beresp.brotli);
    assert.equal(beresp.grace, 0s);
    assert.equal(beresp.stale_if_error, 0s);
    assert.equal(beresp.stale_while_revalidate, 0s);
    assert.is_notset(beresp.http.Set-Cookie);
    assert.is_notset(beresp.http.Vary);
    assert.is_notset(beresp.http.Expires);
    assert.is_notset(beresp.http.Surrogate-Control);
    assert.equal(beresp.http.Surrogate-Key, "stream stream/demo");
    // For a POP behind this shield.
    assert.equal(beresp.http.Cache-Control, "public, max-age=15, no-transform");
  }

  // @scope: fetch
  // @suite: of a shield is kept for the rest of its time
  sub test_fetch_of_a_shield {
    // The platform subtracts the age.
    set beresp.http.Age = "6";
    set beresp.ttl = 9s;
    testing.call_subroutine("vcl_fetch");
    assert.equal(beresp.ttl, 9s);
  }

  // @scope: fetch
  // @suite: of a shield, in its last moment, is kept for a second, and collapses
  sub test_fetch_late {
    set beresp.http.Age = "15";
    set beresp.ttl = 0s;
    testing.call_subroutine("vcl_fetch");
    assert.equal(beresp.ttl, 1s);
    assert.true(beresp.cacheable);
  }

  // @scope: fetch
  // @suite: is never kept for longer than a silent origin is waited for
  sub test_fetch_long {
    set beresp.http.Cache-Control = "public, max-age=33, no-transform";
    set beresp.ttl = 33s;
    testing.call_subroutine("vcl_fetch");
    assert.equal(beresp.ttl, 20s);
  }

  // @scope: fetch
  // @suite: is not kept for longer because of a shield
  sub test_fetch_long_of_a_shield {
    set beresp.http.Cache-Control = "public, max-age=33, no-transform";
    set beresp.http.Age = "6";
    set beresp.ttl = 27s;
    testing.call_subroutine("vcl_fetch");
    assert.equal(beresp.ttl, 14s);
  }

  // @scope: fetch
  // @suite: of which nobody says how long it can be joined is kept for a second
  sub test_fetch_endless {
    set beresp.http.Cache-Control = "no-store";
    set beresp.ttl = 120s;
    testing.call_subroutine("vcl_fetch");
    assert.equal(beresp.ttl, 1s);
    assert.state(DELIVER);
  }
}

// @scope: miss
// @suite: the time-out of a silent origin is longer than anything is fresh
sub test_miss {
  testing.call_subroutine("vcl_miss");
  assert.equal(bereq.connect_timeout, 2s);
  assert.equal(bereq.first_byte_timeout, 5s);
  assert.equal(bereq.between_bytes_timeout, 30s);
  assert.state(FETCH);
}

// @scope: deliver
// @suite: a client caches nothing, and nothing delays it
sub test_deliver {
  set resp.status = 200;
  set resp.http.Cache-Control = "public, max-age=15, no-transform";
  set resp.http.Age = "3";
  set resp.http.Surrogate-Key = "stream";
  testing.call_subroutine("vcl_deliver");
  assert.state(DELIVER);
  assert.equal(resp.http.Cache-Control, "no-cache, no-transform");
  assert.equal(resp.http.X-Accel-Buffering, "no");
  assert.equal(resp.http.Access-Control-Allow-Origin, "*");
  assert.is_notset(resp.http.Age);
  assert.is_notset(resp.http.Surrogate-Key);
}

// @scope: deliver
// @suite: a shield tells POPs how old a part is
sub test_deliver_of_a_shield {
  testing.mock("state_is_edge", "no");
  set resp.status = 200;
  set resp.http.Cache-Control = "public, max-age=15, no-transform";
  set resp.http.Age = "3";
  testing.call_subroutine("vcl_deliver");
  assert.equal(resp.http.Cache-Control, "public, max-age=15, no-transform");
  assert.equal(resp.http.Age, "3");
}
