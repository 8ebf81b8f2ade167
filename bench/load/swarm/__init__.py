"""The same load on Locust: users under gevent in worker processes of one machine or many.

``import locust`` replaces the standard library's blocking calls in its whole process (gevent's monkey patches). So what
imports it (``master``, ``worker``, ``user`` and what only they use) runs in processes of its own; ``hive`` is the side
of the command line and imports none of them.
"""
