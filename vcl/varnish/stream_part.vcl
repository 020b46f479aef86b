# A part of a stream: see ../stream_part.vcl. Varnish goes on with a fetch if all who waited for it have gone, as a POP does.

sub stream_part_fetch {
  set bereq.connect_timeout = 2s;
  set bereq.first_byte_timeout = 5s;
  set bereq.between_bytes_timeout = 30s;
}

sub stream_part_response {
  if (beresp.status == 200 && beresp.http.Content-Type ~ "^text/event-stream") {
    set beresp.uncacheable = false;
    # Varnish takes the age off by itself, and counts what is set from now on.
    if (beresp.ttl > 20s - beresp.age) {
      set beresp.ttl = 20s - beresp.age;
    }
    if (beresp.http.Cache-Control !~ "max-age=[0-9]" || beresp.ttl < 1s) {
      set beresp.ttl = 1s;
    }
    set beresp.grace = 0s;
    set beresp.keep = 0s;
    set beresp.do_stream = true;
    set beresp.do_gzip = false;
    unset beresp.http.Vary;
    unset beresp.http.Set-Cookie;
    unset beresp.http.Expires;
    return (deliver);
  }
}

sub stream_part_deliver {
  set resp.http.Cache-Control = "no-cache, no-transform";
  set resp.http.X-Accel-Buffering = "no";
  unset resp.http.Accept-Ranges;
  unset resp.http.Age;
  unset resp.http.Expires;
  unset resp.http.Via;
  unset resp.http.X-Varnish;
}
