"""What pytest collects here: the functions ``bench_*`` of the files ``bench_*.py``."""


def pytest_configure(config):
    config.addinivalue_line("python_files", "bench_*.py")
    config.addinivalue_line("python_functions", "bench_*")
