// The token by which the origin knows the service.


describe an_edge_token {
  before_miss {
    set req.url = "/sse/environments/demo/stream";
    unset bereq.http.Authorization;
  }

  // @scope: miss
  // @suite: is sent to the origin
  sub test_miss_with_a_token {
    testing.inject_variable("req.backend.is_origin", true);
    testing.table_set(jackstaff, "edge_token", "s3cret");
    testing.call_subroutine("vcl_miss");
    assert.equal(bereq.http.Authorization, "Token s3cret");
    assert.state(FETCH);
  }

  // @scope: miss
  // @suite: is not sent to a shield
  sub test_miss_to_a_shield {
    testing.inject_variable("req.backend.is_origin", false);
    testing.table_set(jackstaff, "edge_token", "s3cret");
    testing.call_subroutine("vcl_miss");
    assert.is_notset(bereq.http.Authorization);
    assert.state(FETCH);
  }
}

// @scope: miss
// @suite: without an edge token the origin is asked without one
sub test_miss_without_a_token {
  set req.url = "/sse/environments/demo/stream";
  testing.inject_variable("req.backend.is_origin", true);
  testing.call_subroutine("vcl_miss");
  assert.is_notset(bereq.http.Authorization);
  assert.state(FETCH);
}
