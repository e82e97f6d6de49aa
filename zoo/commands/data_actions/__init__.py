"""The actions of `zoo data`, one file each, found as the commands are."""
