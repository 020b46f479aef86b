# The same by Varnish 7, in VCL 4.1: for those who run a cache of their own, and so that tests can show what Fastly does
# with the files above. One concern a file, under the same names. What only Fastly has is missing: limit.vcl and shields.
#
# It has no backend of its own, and no edge token. A file that has, and includes this one:
#
#   vcl 4.1;
#   backend origin { .host = "127.0.0.1"; .port = "7678"; }
#   sub vcl_backend_fetch { set bereq.http.Authorization = "Token EDGE_TOKEN"; }
#   include "/etc/varnish/jackstaff/main.vcl";

include "./collapse.vcl";
include "./stream_part.vcl";
include "./failure.vcl";
include "./cors.vcl";

sub vcl_recv {
  call cors_recv;
  call collapse_recv;
  return (hash);
}

sub vcl_hash {
  call collapse_hash;
  return (lookup);
}

sub vcl_backend_fetch {
  call stream_part_fetch;
  return (fetch);
}

sub vcl_backend_response {
  call stream_part_response;
  call failure_response;
}

sub vcl_backend_error {
  call failure_error;
  return (deliver);
}

sub vcl_synth {
  call cors_synth;
  call failure_synth;
  return (deliver);
}

sub vcl_deliver {
  call stream_part_deliver;
  call cors_deliver;
  return (deliver);
}
