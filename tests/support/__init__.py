"""What several tests share: homes made up, servers and browsers started, faults put in."""
