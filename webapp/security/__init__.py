"""Who may ask: passwords, logins, hosts, origins, and the headers that browsers obey."""
