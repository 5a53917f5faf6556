/* Linked structures: a search tree, hash chains, lists, and calls through
 * pointers in them. */
#include "bench.h"

#define NODES	40000
#define BUCKETS	4096
#define SHAPES	2000

struct node {
	struct node *left, *right, *next;
	u32 key, count;
};

static struct node nodes[NODES], *root, *bucket[BUCKETS];
static u32 used;

static struct node *new_node(u32 key)
{
	struct node *node = &nodes[used++];

	*node = (struct node) { .key = key, .count = 1 };
	return node;
}

static void tree_add(u32 key)
{
	struct node **at = &root;

	while (*at && (*at)->key != key)
		at = key < (*at)->key ? &(*at)->left : &(*at)->right;
	if (*at)
		(*at)->count++;
	else
		*at = new_node(key);
}

static u32 tree_sum(const struct node *node)
{
	if (!node)
		return 1;
	return mix(mix(tree_sum(node->left), node->key * node->count),
		   tree_sum(node->right));
}

static void chain(void)
{
	u32 i;

	memset(bucket, 0, sizeof(bucket));
	for (i = 0; i < used; i++) {
		struct node **head = &bucket[nodes[i].key % BUCKETS];

		nodes[i].next = *head;
		*head = &nodes[i];
	}
}

static u32 look_up(u32 key)
{
	const struct node *node = bucket[key % BUCKETS];

	while (node && node->key != key)
		node = node->next;
	return node ? node->count : 0;
}

struct shape {
	u32 (*area)(const struct shape *shape);
	u32 a, b;
};

static u32 square(const struct shape *shape)
{
	return shape->a * shape->a;
}

static u32 rectangle(const struct shape *shape)
{
	return shape->a * shape->b;
}

static u32 triangle(const struct shape *shape)
{
	return shape->a * shape->b / 2;
}

static u32 areas(void)
{
	static u32 (*const kinds[])(const struct shape *) = {
		square, rectangle, triangle
	};
	static struct shape shapes[SHAPES];
	u32 i, round, seed = 5, sum = 0;

	for (i = 0; i < SHAPES; i++) {
		shapes[i].area = kinds[pseudo_random(&seed) % 3];
		shapes[i].a = i;
		shapes[i].b = round = pseudo_random(&seed);
	}
	for (round = 0; round < 500; round++)
		for (i = 0; i < SHAPES; i++)
			sum += shapes[i].area(&shapes[i]);
	return sum;
}

static u32 work(void)
{
	u32 i, round, seed, sum = 0;

	for (round = 0; round < 3; round++) {
		root = NULL;
		used = 0;
		seed = round;
		for (i = 0; i < NODES; i++)
			tree_add(pseudo_random(&seed) % 60000);
		sum = mix(sum, tree_sum(root));
		chain();
		for (i = 0; i < 200000; i++)
			sum += look_up(pseudo_random(&seed) % 60000);
	}
	return mix(sum, areas());
}

int main(void)
{
	return timed("linked", work);
}
