# Answers to requests that get no stream.
#
# Some SDKs ignore the status: to them an answer that ended is a stream that ended, and they connect again, hundreds of times
# a second. So every failure has the same body, an event that none of them can decode: they wait at least a second after it.
# The status makes the other SDKs back off.
#
# Statuses of our own: 604 no such path, 605 method not allowed, 620 preflight (cors.vcl), 653 no stream.

sub failure_recv {
  # Only a cached failure restarts, see below.
  if (state_is_restarted()) {
    error 653 "no stream";
  }
}

# If the origin answers without a stream, this answer is cached for a second. Waiting clients, and those that come in this
# second, are not sent to the origin one after the other.
sub failure_fetch {
  set beresp.cacheable = true;
  set beresp.ttl = 1s;
  set beresp.grace = 0s;
  set beresp.stale_while_revalidate = 0s;
  set beresp.stale_if_error = 0s;
  unset beresp.http.Vary;
  unset beresp.http.Set-Cookie;
  # For example a 200 with an HTML page.
  if (beresp.status == 200) {
    set beresp.status = 502;
  }
  set beresp.http.Surrogate-Key = "stream";
  return(deliver);
}

# A body can only be replaced by a synthetic one, after a restart. The restart fetches nothing. Then the answer is delayed,
# for clients that would connect again at once.
sub failure_deliver {
  if (resp.status != 200) {
    if (!resp.http.Jackstaff-Answer && !state_is_restarted()) {
      restart;
    }
    if (state_is_edge()) {
      resp.tarpit(5);
    }
  }
  unset resp.http.Jackstaff-Answer;
}

sub failure_error {
  if (obj.status == 604) {
    set obj.status = 404;
    set obj.response = "Not Found";
  } else if (obj.status == 605) {
    set obj.status = 405;
    set obj.response = "Method Not Allowed";
    set obj.http.Allow = "GET, OPTIONS";
  } else {
    # Errors of the platform too: no connection, no answer in time, an answer that broke in its headers.
    set obj.status = 503;
    set obj.response = "Service Unavailable";
    set obj.http.Retry-After = "1";
  }
  set obj.http.Content-Type = "text/event-stream; charset=utf-8";
  set obj.http.Jackstaff-Answer = "synthetic";
  synthetic {"data: unavailable

"};
  return(deliver);
}
