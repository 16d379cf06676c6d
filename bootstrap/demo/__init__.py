"""One order from the phone to the settled payment, on real processes, played through the public interface only."""
