//! Verigator server
