//! The program against real peers, byte for byte and with its exact status: nc, ncat, socat, OpenSSL,
//! gnutls, stunnel, curl, nginx, haproxy, Python, proxies, mail, file, directory and database servers, the shell,
//! tshark, and itself. `.ci/run` installs what is needed.

#[path = "../support/mod.rs"]
mod support;

mod asking;
mod broker;
mod capture;
mod completions;
mod curl;
mod databases;
mod databases_behind;
mod datagrams;
mod dependent;
mod eyeballs;
mod forward;
mod gnutls;
mod handlers;
mod haproxy;
mod http_server;
mod keys;
mod listening;
mod mail_ftp;
mod mail_servers;
mod names;
mod nc;
mod ncat;
mod nginx;
mod openssl;
mod ourselves;
mod pages;
mod proxy;
mod proxy_protocol;
mod python;
mod revocation;
mod shell;
mod site;
mod socat;
mod starttls;
mod stunnel;
mod systemd;
mod terminal;
mod transfer;
mod verification;
