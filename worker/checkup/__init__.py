"""What `verdigris doctor` looks at: one module for each thing that can be wrong with an installation."""
