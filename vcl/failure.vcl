# What is answered when there is no stream.
#
# Some SDKs do not look at the status: to them an answer that ended is a stream that ended, and they ask again, hundreds
# of times a second. So every failure has the same body, an event that none of them can decode, after which they wait
# (a second at least), and a status that makes the others back off.
#
# Statuses of our own: 604 no such path, 605 method not allowed, 620 preflight (cors.vcl), 653 no stream.

sub failure_recv {
  # Only a failure that was kept restarts, see below.
  if (state_is_restarted()) {
    error 653 "no stream";
  }
}

# What the origin answers in place of a stream is kept for a second: those who wait are not sent to the origin one after
# the other, and those who come are not either.
sub failure_fetch {
  set beresp.cacheable = true;
  set beresp.ttl = 1s;
  set beresp.grace = 0s;
  set beresp.stale_while_revalidate = 0s;
  set beresp.stale_if_error = 0s;
  unset beresp.http.Vary;
  unset beresp.http.Set-Cookie;
  # A 200 with a page in it, say.
  if (beresp.status == 200) {
    set beresp.status = 502;
  }
  set beresp.http.Surrogate-Key = "stream";
  return(deliver);
}

# A body can only be replaced by a synthetic one, and that only by way of a restart. It fetches nothing. Then it waits,
# for those that would not.
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
    # The platform's own too: no connection, no answer in time, an answer that broke in its head.
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
