"""What calls return, where it was found before."""

from verigator import Enrolment, Service, User, Verification, VerificationStatus

__all__ = ["Enrolment", "Service", "User", "Verification", "VerificationStatus"]
