# For falco alone: what a service has beside these files.

table jackstaff {
}

include "main";
