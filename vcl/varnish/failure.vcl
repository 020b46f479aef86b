# Answers to requests that get no stream: see ../failure.vcl. Varnish caches a synthetic answer too, so that an origin
# that cannot be reached is asked once a second, and no restart is needed. It has no tarpit.

sub failure_response {
  return (error(503, "no stream"));
}

sub failure_error {
  set beresp.status = 503;
  set beresp.reason = "Service Unavailable";
  set beresp.ttl = 1s;
  set beresp.grace = 0s;
  set beresp.keep = 0s;
  set beresp.http.Retry-After = "1";
  set beresp.http.Content-Type = "text/event-stream; charset=utf-8";
  set beresp.body = {"data: unavailable

"};
}

sub failure_synth {
  if (resp.status == 604) {
    set resp.status = 404;
    set resp.reason = "Not Found";
  } else if (resp.status == 605) {
    set resp.status = 405;
    set resp.reason = "Method Not Allowed";
    set resp.http.Allow = "GET, OPTIONS";
  } else {
    set resp.status = 503;
    set resp.reason = "Service Unavailable";
    set resp.http.Retry-After = "1";
  }
  set resp.http.Content-Type = "text/event-stream; charset=utf-8";
  set resp.body = {"data: unavailable

"};
}
