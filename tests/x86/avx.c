/* A program like many: it asks cpuid what there is, and takes the best way that it
 * has for that.  The result must not depend on it. */
#include <cpuid.h>
#include <stdio.h>

#define N 1000

static int numbers[N] __attribute__((aligned(32)));

typedef int vector __attribute__((vector_size(32)));

__attribute__((target("avx2"))) static int sum_avx2(void)
{
	vector sum = { 0 };
	int i, total = 0;

	for (i = 0; i < N; i += 8)
		sum += *(const vector *)&numbers[i];
	for (i = 0; i < 8; i++)
		total += sum[i];
	return total;
}

typedef int half_vector __attribute__((vector_size(16)));

__attribute__((target("sse2"))) static int sum_sse2(void)
{
	half_vector sum = { 0 };
	int i;

	for (i = 0; i < N; i += 4)
		sum += *(const half_vector *)&numbers[i];
	return sum[0] + sum[1] + sum[2] + sum[3];
}

static int sum_i386(void)
{
	int i, sum = 0;

	for (i = 0; i < N; i++)
		sum += numbers[i];
	return sum;
}

int main(void)
{
	int i;

	for (i = 0; i < N; i++)
		numbers[i] = i * i;
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx2"))
		printf("avx2 %d\n", sum_avx2());
	else if (__builtin_cpu_supports("avx"))
		printf("avx %d\n", sum_sse2());
	else if (__builtin_cpu_supports("sse2"))
		printf("sse2 %d\n", sum_sse2());
	else
		printf("i386 %d\n", sum_i386());
	return 0;
}
