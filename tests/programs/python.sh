# Another one, with big numbers and a garbage collector.
py() {
	PYTHONHOME=$ROOT/usr PYTHONDONTWRITEBYTECODE=1 PYTHONHASHSEED=0 \
		i386 usr/bin/python3.11 "$@"
}

cat >work.py <<'X'
import sys, math, struct, re, random, hashlib, zlib, json, itertools, functools
import os, signal, subprocess, time, decimal, fractions, collections, heapq, gc
n = int(sys.argv[1])
sys.set_int_max_str_digits(0)
print(pow(3, n * 3) % 10 ** 50, (2 ** 4423 - 1) % 10 ** 30, len(str(7 ** n)))
print(math.factorial(n // 20) % (10 ** 9 + 7), math.gcd(2 ** 200 - 1, 2 ** 150 - 1))
print([repr(f(0.7)) for f in (math.sin, math.cos, math.tan, math.exp, math.log, math.gamma, math.erf, math.sinh, math.atan)])
print(repr(0.1 + 0.2), 1e308 * 10, float('nan'), -0.0, 5e-324, 1.7976931348623157e308, float.hex(math.pi))
print([round(x * 0.1 * 3.7, 3) for x in range(20)], 7 // -2, 7 % -2, -7.5 // 2, divmod(-7.5, 2))
r = random.Random(12345)
data = [r.random() for _ in range(n)]
print(math.fsum(data), sum(data), max(data), sorted(data)[n // 2], r.gauss(0, 1), r.randrange(10 ** 30))
blob = struct.pack('<%dd' % n, *data)
for name in ('md5', 'sha1', 'sha256', 'sha512', 'sha3_256', 'blake2b', 'blake2s'):
    print(name, hashlib.new(name, blob).hexdigest())
packed = zlib.compress(blob, 9)
print(len(packed), zlib.crc32(blob), zlib.adler32(blob), zlib.decompress(packed) == blob)
words = re.findall(r'[A-Za-z]+', open(sys.argv[2]).read())
print(collections.Counter(words).most_common(12), re.sub(r'(\w+) (\w+)', r'\2 \1', ' '.join(words[:20])))
s = json.dumps({'a': [1, 2.5, None, True, 'ü'], 'b': {str(i): i ** 0.5 for i in range(50)}}, sort_keys=True)
print(hashlib.md5(s.encode()).hexdigest(), json.loads(s)['b']['49'])
decimal.getcontext().prec = 60
print(decimal.Decimal(2).sqrt(), decimal.Decimal(1).exp(), fractions.Fraction(355, 113) ** 5)
@functools.lru_cache(None)
def ways(n, k): return 1 if n == 0 else 0 if n < 0 or k == 0 else ways(n, k - 1) + ways(n - k, k)
print(ways(200, 200))
def queens(n, row=0, a=0, b=0, c=0):
    return 1 if row == n else sum(queens(n, row + 1, a | 1 << i, (b | 1 << i) << 1, (c | 1 << i) >> 1)
                                  for i in range(n) if not (a | b | c) & 1 << i)
print(queens(7))
class Node:
    def __init__(self, left, right): self.left, self.right, self.me = left, right, self
def tree(d): return Node(tree(d - 1), tree(d - 1)) if d else None
def count(t): return 1 + count(t.left) + count(t.right) if t else 0
for _ in range(5):
    t = tree(10); c = count(t); t = None
print(c, gc.collect() >= 0)
h = []
for x in data[:500]: heapq.heappush(h, x)
print(heapq.nsmallest(3, h), list(itertools.islice(itertools.permutations('abcd'), 5)))
got = []
signal.signal(signal.SIGUSR1, lambda s, f: got.append(s))
for _ in range(50): os.kill(os.getpid(), signal.SIGUSR1)
print(len(got))
signal.signal(signal.SIGALRM, lambda s, f: got.append('tick'))
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
while got.count('tick') < 5: sum(range(1000))
signal.setitimer(signal.ITIMER_REAL, 0)
def h(s, f): raise TimeoutError('woken')
signal.signal(signal.SIGALRM, h); signal.setitimer(signal.ITIMER_REAL, 0.02)
try: time.sleep(5)
except TimeoutError as e: print('sleep:', e)
print(subprocess.run(['sh', '-c', 'read x; echo "<$x>"; exit 7'], input=b'hi\n', capture_output=True))
try: subprocess.run(['/nonexistent/program'])
except OSError as e: print(e)
pid = os.posix_spawn('/bin/sh', ['sh', '-c', 'kill -9 $$'], os.environ)
print(os.waitpid(pid, 0)[1])
try: os.posix_spawn('/nonexistent', ['x'], os.environ)
except OSError as e: print('spawn', e)
pid = os.fork()
if pid == 0: os.abort()
print(os.waitpid(pid, 0)[1] & 127)
try: print((lambda f: f(f))(lambda f: f(f)))
except RecursionError as e: print(e)
try: 1 // 0
except ZeroDivisionError as e: print(e)
print(sys.float_info.max, sys.maxsize, sys.byteorder, sys.hash_info.width, hash('abc'), hash(1.5), hash(2 ** 61))
X
py work.py "$(amount 3000 60000)" "$top/lguest.txt"
py -c 'raise SystemExit(3)'
