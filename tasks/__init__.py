"""Work done outside requests: the broker that wakes the workers, the tasks, and the sweep behind both."""
