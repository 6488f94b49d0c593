//! `dnsflow-name` as its users meet it: flows go in, and all that comes out is compared.

mod fixed;
mod formats;
mod hostile;
