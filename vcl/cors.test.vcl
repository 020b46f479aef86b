// Pages of other origins.

// @scope: recv
// @suite: a preflight is answered here
sub test_preflight {
  set req.method = "OPTIONS";
  set req.url = "/sse//environments/demo/stream/?x";
  testing.call_subroutine("vcl_recv");
  assert.error(620);
}

// @scope: recv
// @suite: there is none of other paths
sub test_no_preflight {
  set req.method = "OPTIONS";
  set req.url = "/metrics";
  testing.call_subroutine("vcl_recv");
  assert.error(604);
}

// @scope: error
// @suite: a preflight allows whatever is asked
sub test_allowed {
  set req.http.Access-Control-Request-Headers = "x-environment-key, traceparent";
  set obj.status = 620;
  testing.call_subroutine("vcl_error");
  assert.equal(obj.status, 200);
  assert.equal(obj.http.Access-Control-Allow-Methods, "GET, OPTIONS");
  assert.equal(obj.http.Access-Control-Allow-Headers, "x-environment-key, traceparent");
  assert.equal(obj.http.Vary, "Access-Control-Request-Headers");
  assert.equal(obj.http.Access-Control-Max-Age, "600");
  assert.equal(testing.synthetic_body, "");
  assert.state(DELIVER);
}
