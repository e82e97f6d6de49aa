"""The published networks with their own tensor names, written anew from their description; only tests use them."""
