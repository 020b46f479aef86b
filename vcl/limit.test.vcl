// One address that asks too often.

sub no BOOL {
  return false;
}

// @scope: recv
// @suite: a client that connects from time to time is served
sub test_below {
  testing.fixed_access_rate(99.0);
  set req.method = "GET";
  set req.url = "/sse/environments/demo/stream";
  testing.call_subroutine("vcl_recv");
  assert.equal(req.url, "/sse/environments/demo/stream");
  assert.state(LOOKUP);
}

// @scope: recv
// @suite: a client that connects in a loop gets a silent stream
sub test_above {
  testing.fixed_access_rate(101.0);
  set req.method = "GET";
  set req.url = "/sse/environments/demo/stream";
  testing.call_subroutine("vcl_recv");
  assert.equal(req.url, "/sse/environments/jackstaff:silent/stream");
  assert.state(LOOKUP);
}

// @scope: recv
// @suite: a shield does not limit POPs
sub test_shield {
  testing.fixed_access_rate(101.0);
  testing.mock("state_is_edge", "no");
  set req.method = "GET";
  set req.url = "/sse/environments/demo/stream";
  testing.call_subroutine("vcl_recv");
  assert.equal(req.url, "/sse/environments/demo/stream");
  assert.state(LOOKUP);
}
