# Varnish as a cache. tools/benchmarks/compare fills in the words between @ signs. Nothing but the backends: each
# statement beyond them would cost something a request, and what is built in does what is wanted (the origin's
# Cache-Control says what is stored, X-Forwarded-For is added).
vcl 4.1;

import directors;

# The three endpoints; no probe, since the origin does not fail.
backend a { .host = "127.0.0.1"; .port = "@A@"; }
backend b { .host = "127.0.0.1"; .port = "@B@"; }
backend c { .host = "127.0.0.1"; .port = "@C@"; }

sub vcl_init {
    new backends = directors.round_robin(); # endpoints in turn, as all proxies here
    backends.add_backend(a);
    backends.add_backend(b);
    backends.add_backend(c);
}

sub vcl_backend_fetch {
    set bereq.backend = backends.backend(); # here, so that a hit does not choose an endpoint
}
