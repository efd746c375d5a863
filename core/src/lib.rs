//! Verigator
