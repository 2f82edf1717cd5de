"""Who somebody is: directories, providers and passwords, as plug-ins."""
