//! The link layers, one frame each, and hostile bytes for all.
