//! The tunnels, one packet each, and hostile bytes for all.
